package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// listenAs runs a service manager and returns the messages that it gets.
func listenAs(t *testing.T) (told func() string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("!! NOT TESTED on Windows, only on Unix: there are no sockets of this kind")
	}
	dir, err := os.MkdirTemp("", "") // t.TempDir may be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		buf := make([]byte, 1000)
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// A service manager gets messages when the node is ready, while it lives, and when it stops.
func TestUnderAServiceManager(t *testing.T) {
	told := listenAs(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	ctx, quit := context.WithCancel(t.Context())
	cmd := nodeCommand()
	cmd.SetArgs(nil)
	cmd.SetOut(new(strings.Builder))
	ended := make(chan error)
	// The goroutine belongs to the test. The end of ctx ends it, and the test waits for it.
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	for i, want := range []string{"READY=1\nSTATUS=no peers yet", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := told(); got != want {
			t.Fatalf("%d: %q, want %q", i, got, want)
		}
	}
	quit()
	for last := ""; last != "STOPPING=1"; {
		if last = told(); last != "WATCHDOG=1" && last != "STOPPING=1" {
			t.Errorf("at the end: %q", last)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheWatchdogOfAnotherProcess(t *testing.T) {
	told := listenAs(t)
	t.Setenv("WATCHDOG_USEC", "1000")
	t.Setenv("WATCHDOG_PID", "1")
	m, err := openManager()
	if err != nil || m.every != 0 {
		t.Fatalf("%+v, %v", m, err)
	}
	defer m.close()
	<-m.feed(t.Context(), func() { t.Error("nobody asked") })
	m.say("STATUS=well")
	if got := told(); got != "STATUS=well" {
		t.Errorf("%q", got)
	}
}

func TestNoServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m, err := openManager()
	if m != nil || err != nil {
		t.Fatalf("%v, %v", m, err)
	}
	m.say("READY=1") // there is no manager
	<-m.feed(t.Context(), nil)
	m.close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nowhere"))
	if out, err, code := command(t, "node"); code != 1 || out != "" || !strings.Contains(err, "NOTIFY_SOCKET") {
		t.Errorf("exit %d: %q %q", code, out, err)
	}
}
