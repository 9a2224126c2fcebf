package ident

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
)

func TestIDRoundTrip(t *testing.T) {
	id, err := New(bytes.NewReader([]byte("0123456789abcdef+")))
	if err != nil {
		t.Fatal(err)
	}
	if id.String() != "30313233343536373839616263646566" || id.Short() != "30313233" {
		t.Errorf("%s, %s", id, id.Short())
	}
	again, err := Parse(id.String())
	if err != nil || again != id {
		t.Errorf("%v, %v", again, err)
	}
	if id.IsZero() || !(ID{}).IsZero() {
		t.Error("IsZero")
	}
}

func TestNotAnID(t *testing.T) {
	for _, text := range []string{"", "30", strings.Repeat("g0", Size), strings.Repeat("00", Size+1)} {
		if id, err := Parse(text); err == nil || !id.IsZero() && text == "" {
			t.Errorf("Parse(%q) = %v", text, id)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in %q", text, err)
		}
	}
	if _, err := New(strings.NewReader("short")); err == nil {
		t.Error("an id was drawn from five bytes")
	}
}

func TestIDOfAKey(t *testing.T) {
	key := ed25519.PublicKey(bytes.Repeat([]byte{7}, ed25519.PublicKeySize))
	sum := sha256.Sum256(key)
	if id := FromKey(key); !bytes.Equal(id[:], sum[:Size]) {
		t.Errorf("%s", id)
	}
}

func TestOrder(t *testing.T) {
	sorted := []Origin{{ID{1}, 2}, {ID{1}, 3}, {ID{1, 1}, 1}, {ID{2}, 0}, {ID{0xff}, 0}}
	for i, a := range sorted {
		for j, b := range sorted {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v against %v: %d", a, b, got)
			}
			if got := a.ID.Less(b.ID); got != (a.ID.Compare(b.ID) < 0) {
				t.Errorf("%v less than %v: %v", a.ID, b.ID, got)
			}
		}
	}
	if !slices.IsSortedFunc(sorted, Origin.Compare) {
		t.Error("not sorted")
	}
	if got := (Origin{ID{0xab}, 7}).String(); got != "ab000000/7" {
		t.Error(got)
	}
}

func TestIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:80": true, "[::]:80": true, "[::ffff:0.0.0.0]:80": true, ":80": true,
		"localhost:80": true, "LocalHost:80": true, "localhost.:80": true, "db.localhost:80": true,
		"10.0.0.1:80": false, "[fe80::1%eth0]:80": false, "chat:80": false, "localhost.example:80": false,
		"mylocalhost:80": false, "": false, "localhost": false,
	} {
		if got := IsLoopback(addr); got != want {
			t.Errorf("IsLoopback(%q) = %v", addr, got)
		}
	}
}
