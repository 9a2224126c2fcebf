package transporttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

func echo(t *testing.T, r *rig) {
	a, b := r.pair()
	done := inBackground(func() error {
		_, err := io.CopyN(b, b, 5)
		return err
	})
	if _, err := a.Write([]byte("smoke")); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 5)
	if _, err := io.ReadFull(a, back); err != nil || string(back) != "smoke" {
		t.Fatalf("got %q, %v back", back, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func addressesMatch(t *testing.T, r *rig) {
	l := r.listen()
	a := r.dial(l.Addr().String())
	b := r.accept(l)
	if got, want := a.RemoteAddr().String(), l.Addr().String(); got != want {
		t.Errorf("the dialled end says it goes to %s, the listener is at %s", got, want)
	}
	if a.LocalAddr().String() != b.RemoteAddr().String() || a.RemoteAddr().String() != b.LocalAddr().String() {
		t.Errorf("the ends disagree: %s–%s against %s–%s", a.LocalAddr(), a.RemoteAddr(), b.RemoteAddr(), b.LocalAddr())
	}
}

// pattern returns n bytes. A byte that is lost, doubled or moved breaks the pattern.
func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return p
}

func bigTransfer(t *testing.T, r *rig) {
	const size = 4 << 20 // many times what a connection buffers
	a, b := r.pair()
	var jobs []<-chan error
	for i, end := range []net.Conn{a, b} {
		send, want := pattern(size, byte(i)), pattern(size, byte(1-i))
		jobs = append(jobs, inBackground(func() error {
			_, err := end.Write(send)
			return err
		}), inBackground(func() error {
			got := make([]byte, size)
			if _, err := io.ReadFull(end, got); err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return errors.New("the bytes are not those that were sent")
			}
			return nil
		}))
	}
	for _, job := range jobs {
		if err := <-job; err != nil {
			t.Error(err)
		}
	}
}

func eofAfterTheLastByte(t *testing.T, r *rig) {
	a, b := r.pair()
	if _, err := a.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if err != nil || string(got) != "last words" {
		t.Fatalf("got %q, %v; want all that was written, then the end", got, err)
	}
}

func halfClose(t *testing.T, r *rig) {
	a, b := r.pair()
	half, ok := a.(transport.HalfCloser)
	if !ok {
		t.Log("connections of this transport do not implement transport.HalfCloser, which is optional")
		return
	}
	if _, err := a.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || string(got) != "question" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := b.Write([]byte("answer")); err != nil {
		t.Fatalf("the open direction: %v", err)
	}
	_ = b.Close()
	if got, err := io.ReadAll(a); err != nil || string(got) != "answer" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := a.Write([]byte("more")); err == nil {
		t.Fatal("a write in the direction that was ended succeeded")
	}
}

func writeFails(t *testing.T, r *rig) {
	a, b := r.pair()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(a); err != nil {
		t.Fatalf("read to the end: %v", err)
	}
	// The first writes may succeed, because this end learns of the close only from the
	// answer to them. If it never learns, the deadline of the pair ends the test.
	for {
		if _, err := a.Write(make([]byte, 1024)); err != nil {
			if transport.IsTimeout(err) {
				t.Fatal("writes to a peer that has closed never fail")
			}
			return
		}
	}
}

func closeUnblocksRead(t *testing.T, r *rig) {
	a, _ := r.pair()
	read := inBackground(func() error {
		_, err := a.Read(make([]byte, 1))
		return err
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "a read on an end that is closed", <-read, net.ErrClosed)
}

func closeUnblocksWrite(t *testing.T, r *rig) {
	a, _ := r.pair()
	began := make(chan struct{})
	write := inBackground(func() error {
		p := make([]byte, 64<<10)
		if _, err := a.Write(p); err != nil {
			return err
		}
		close(began)
		for {
			if _, err := a.Write(p); err != nil {
				return err
			}
		}
	})
	<-began
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "a write on an end that is closed", <-write, net.ErrClosed)
}

func closeTwice(t *testing.T, r *rig) {
	a, _ := r.pair()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	_ = a.Close() // a second Close may return an error, but it must do no harm
	_, err := a.Read(make([]byte, 1))
	wantIs(t, "read after Close", err, net.ErrClosed)
	_, err = a.Write([]byte("x"))
	wantIs(t, "write after Close", err, net.ErrClosed)
}

// soon is a time limit that passes while a call waits. The tests pass with any value.
const soon = 20 * time.Millisecond

func writesAreWhole(t *testing.T, r *rig) {
	const writers, writes, size = 8, 16, 32 << 10
	a, b := r.pair()
	var jobs []<-chan error
	for w := range writers {
		jobs = append(jobs, inBackground(func() error {
			p := bytes.Repeat([]byte{byte(w)}, size)
			for range writes {
				if _, err := a.Write(p); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	p := make([]byte, size)
	for range writers * writes {
		if _, err := io.ReadFull(b, p); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(p, func(c rune) bool { return c != rune(p[0]) }); i >= 0 {
			t.Fatalf("a write of writer %d has bytes of writer %d in it", p[0], p[i])
		}
	}
	for _, job := range jobs {
		if err := <-job; err != nil {
			t.Error(err)
		}
	}
}

func hundredConns(t *testing.T, r *rig) {
	const conns = 100
	l := r.listen()
	// The server has one goroutine that accepts and one for each connection. All of
	// them end with the connections, and the test waits for them.
	var server sync.WaitGroup
	server.Go(func() {
		for range conns {
			c, err := l.Accept()
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			server.Go(func() {
				defer func() { _ = c.Close() }()
				if _, err := io.Copy(c, c); err != nil {
					t.Errorf("echo: %v", err)
				}
			})
		}
	})
	var clients []<-chan error
	for i := range conns {
		clients = append(clients, inBackground(func() error {
			c, err := r.dialSide.Dial(r.ctx, l.Addr().String())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			want := pattern(10_000, byte(i))
			wrote := inBackground(func() error {
				_, err := c.Write(want)
				return err
			})
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return errors.New("bytes of another connection")
			}
			return <-wrote
		}))
	}
	for i, client := range clients {
		if err := <-client; err != nil {
			t.Errorf("client %d: %v", i, err)
			_ = l.Close() // the server waits for this client, which has failed
		}
	}
	server.Wait()
}

// tryWriteDoesNotWait fills a connection whose peer reads nothing. Then the peer reads
// everything, and must find all bytes that TryWrite counted.
func tryWriteDoesNotWait(t *testing.T, r *rig) {
	a, b := r.pair()
	try, ok := a.(transport.TryWriter)
	if !ok {
		t.Log("connections of this transport do not implement transport.TryWriter, which is optional")
		return
	}
	piece := pattern(64<<10, 1)
	var sent []byte
	for full := false; !full; {
		n, err := try.TryWrite(piece)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, piece[:n]...)
		full = n == 0
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("the peer got other bytes than the %d that were taken, or %v", len(sent), err)
	}
	if _, err := a.Write(piece); err != nil { // Write and TryWrite keep their order
		t.Fatal(err)
	}
	got = got[:len(piece)]
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, piece) {
		t.Fatalf("other bytes than were written, or %v", err)
	}
	if err := a.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := try.TryWrite(piece)
	wantIs(t, "after the deadline", err, os.ErrDeadlineExceeded)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = try.TryWrite(piece)
	wantIs(t, "after Close", err, net.ErrClosed)
}
