package transporttest

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

func readDeadline(t *testing.T, r *rig) {
	a, b := r.pair()
	if err := a.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	_, err := a.Read(make([]byte, 1))
	wantIs(t, "a read with nothing to read", err, os.ErrDeadlineExceeded)
	if !transport.IsTimeout(err) {
		t.Errorf("IsTimeout does not know %v", err)
	}
	// The deadline for reads does not affect writes, and reads work again after it is removed.
	if _, err := a.Write([]byte("a")); err != nil {
		t.Fatalf("write after the read deadline has passed: %v", err)
	}
	if _, err := b.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := a.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 1)); err != nil {
		t.Fatalf("read after the deadline was taken away: %v", err)
	}
}

func writeDeadline(t *testing.T, r *rig) {
	a, b := r.pair()
	if err := a.SetWriteDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	sent, p := 0, make([]byte, 64<<10)
	var err error
	for err == nil {
		var n int
		n, err = a.Write(p)
		sent += n
	}
	wantIs(t, "a write to a peer that reads nothing", err, os.ErrDeadlineExceeded)
	// The peer gets exactly the bytes that the writes counted, and then what follows.
	if err := a.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	drained := inBackground(func() error {
		got := make([]byte, sent+4)
		if _, err := io.ReadFull(b, got); err != nil {
			return err
		}
		if string(got[sent:]) != "next" {
			return fmt.Errorf("after %d bytes came %q", sent, got[sent:])
		}
		return nil
	})
	if _, err := a.Write([]byte("next")); err != nil {
		t.Fatalf("write after the deadline was taken away: %v", err)
	}
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
}

func deadlineInThePast(t *testing.T, r *rig) {
	a, b := r.pair()
	if _, err := b.Write([]byte("here")); err != nil {
		t.Fatal(err)
	}
	waits := inBackground(func() error {
		for {
			if _, err := a.Read(make([]byte, 8)); err != nil {
				return err
			}
		}
	})
	if err := a.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "the read that waited", <-waits, os.ErrDeadlineExceeded)
	_, err := a.Write([]byte("x"))
	wantIs(t, "a write after its deadline", err, os.ErrDeadlineExceeded)
}
