//go:build unix

package smoke_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// A StateFile that is no regular file is refused at once, and no reader waits for it.
func TestAStateFileIsARegularFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	secretPipe := filepath.Join(dir, "secret")
	if err := syscall.Mkfifo(secretPipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir, "/dev/null"} {
		s := tell(t)
		start := time.Now()
		ann := s.start(smoke.Options{StateFile: path})
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: Start takes %v", path, took)
		}
		start = time.Now()
		ann.Stop()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: Stop takes %v", path, took)
		}
	}
	done := make(chan struct{})
	go func() { // the test's; ends with the call
		defer close(done)
		t.Setenv("SMOKE_SECRET_FILE", secretPipe)
		smoke.FromEnv()
	}()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("FromEnv waits for a pipe without a writer")
		if f, err := os.OpenFile(secretPipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
		<-done
	}
}

// A secret file that other users can read works, because container platforms mount secrets
// that way. The options and the log name a remedy, and show neither the secret nor the
// file.
func TestASecretFileThatOthersCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "name-of-the-file")
	secret := trust.NewSecret()
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SMOKE_SECRET_FILE", path)
	for _, mode := range []os.FileMode{0o600, 0o440, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		o, err := smoke.FromEnv()
		if err != nil || o.Secret != secret {
			t.Fatalf("mode %#o: %v", mode, err)
		}
		list := o.Warnings()
		if mode != 0o644 {
			if len(list) > 0 {
				t.Errorf("mode %#o: %v", mode, list)
			}
			continue
		}
		if len(list) != 1 || list[0].Field != "SMOKE_SECRET_FILE" || !strings.Contains(list[0].String(), "0644") || strings.Contains(list[0].String(), path) {
			t.Errorf("mode %#o: %v", mode, list)
		}
		o.Logger = nil
		s := tell(t)
		ann := s.start(o)
		ann.wantLogged("other users of this machine can read the secret file", "0644")
	}
}
