package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestAKeyIsTheSameAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.key")
	if _, err := LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("load before there is one: %v", err)
	}
	first, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(path)
	if err != nil || again.ID() != first.ID() || first.ID().IsZero() {
		t.Errorf("%v, then %v, %v", first, again, err)
	}
	if other, err := NewKey(); err != nil || other.ID() == first.ID() {
		t.Errorf("another key: %v, %v", other, err)
	}
}

// Two processes that start at the same time with one file must get the same key.
func TestProcessesThatCreateAKeyAtOnceGetTheSame(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "node.key")
	var all sync.WaitGroup
	keys := make([]*Key, 8)
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = LoadOrCreateKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range keys {
		if k == nil || k.ID() != keys[0].ID() {
			t.Errorf("%v and %v", k, keys[0])
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
}

func TestAKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("file modes mean nothing here")
		return
	}
	path := filepath.Join(t.TempDir(), "node.key")
	if _, err := LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(string) (*Key, error){LoadKey, LoadOrCreateKey} {
		if key, err := read(path); key != nil || err == nil || !strings.Contains(err.Error(), "can be read by other users") {
			t.Errorf("%v, %v", key, err)
		}
	}
}

func TestInvalidKeys(t *testing.T) {
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing":          nil,
		"no PEM":           []byte("hello"),
		"cut short":        text[:len(text)/2],
		"another block":    bytes.ReplaceAll(text, []byte("PRIVATE KEY"), []byte("CERTIFICATE")),
		"a broken inside":  []byte("-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"),
		"an elliptic key":  []byte(ellipticKey),
		"an encrypted one": bytes.ReplaceAll(text, []byte("PRIVATE KEY"), []byte("ENCRYPTED PRIVATE KEY")),
	} {
		if k, err := ParseKey(bad); k != nil || err == nil {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestAPrintedKeyStaysASecret(t *testing.T) {
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(form, key); strings.Contains(text, fmt.Sprintf("%x", []byte(key.private.Seed()))) || len(text) > 100 {
			t.Errorf("%s: %s", form, text)
		}
	}
}

func TestSecretsThatCouldBeGuessed(t *testing.T) {
	good := []string{NewSecret(), "9c41ffbe0d6a7285e3174bf02dc896fb", "nEH_vg1qcoXjF0vwLciW-w==", "nEH/vg1qcoXjF0vwLciW+w"}
	for _, text := range good {
		if err := CheckSecret(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "hunter2", "correct horse battery staple", strings.Repeat("00", 32), strings.Repeat("ab", 20), "0011223344556677"} {
		if err := CheckSecret(text); !errors.Is(err, ErrWeakSecret) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if first, second := NewSecret(), NewSecret(); first == second {
		t.Error("two new secrets are the same")
	}
}

// a key of another type than ed25519, so no node has it
const ellipticKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgShwS9SYHI6s0D1Al
6JWatS+XmP/r+fcKtYGv411kfUChRANCAASo2qPGbLsL7FF5/FGHwL4hBuNFrpGI
BJA8HcBRpGc2lD1p7x1nGd/J2GM4ZI5J/0r6BVppVRBN326uNDyzIkda
-----END PRIVATE KEY-----
`
