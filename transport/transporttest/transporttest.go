// Package transporttest is the suite that every transport passes. It checks
// what the comment of package transport promises.
package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Sides gives what one test of the suite runs on: the transport that listens,
// the one that dials (they may be the same), and an address to listen at. The
// suite listens at addr several times, so it should take a free port.
type Sides func(t *testing.T) (listen, dial transport.Transport, addr string)

// Test runs the suite. Each test of it asks for sides of its own. It waits for
// events, not for times: a deadline in it is in the past, or a moment ahead
// with nothing to beat it.
func Test(t *testing.T, sides Sides) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"Echo", echo},
		{"AddressesMatch", addressesMatch},
		{"BigTransferBothWays", bigTransfer},
		{"EOFAfterTheLastByte", eofAfterTheLastByte},
		{"HalfClose", halfClose},
		{"WriteFailsOnceThePeerClosed", writeFails},
		{"CloseUnblocksRead", closeUnblocksRead},
		{"CloseUnblocksWrite", closeUnblocksWrite},
		{"CloseTwice", closeTwice},
		{"ReadDeadline", readDeadline},
		{"WriteDeadline", writeDeadline},
		{"DeadlineInThePast", deadlineInThePast},
		{"WritesAreWhole", writesAreWhole},
		{"DialIsRefused", dialIsRefused},
		{"DialHonoursItsContext", dialHonoursContext},
		{"ConnOutlivesItsDialContext", connOutlivesContext},
		{"ListenHonoursItsContext", listenHonoursContext},
		{"CloseUnblocksAccept", closeUnblocksAccept},
		{"ClosedListenerLeavesConns", closedListenerLeavesConns},
		{"AddressInUse", addressInUse},
		{"BadAddress", badAddress},
		{"HundredConnsAtOnce", hundredConns},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &rig{t: t}
			r.listenSide, r.dialSide, r.addr = sides(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r.ctx = ctx
			test.run(t, r)
		})
	}
}

// patience ends a test that hangs. No passing run comes near it.
const patience = 60 * time.Second

// rig is what one test works with.
type rig struct {
	t                    *testing.T
	ctx                  context.Context
	listenSide, dialSide transport.Transport
	addr                 string
}

func (r *rig) listen() net.Listener {
	r.t.Helper()
	l, err := r.listenSide.Listen(r.ctx, r.addr)
	if err != nil {
		r.t.Fatalf("listen at %s: %v", r.addr, err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	return l
}

func (r *rig) dial(addr string) net.Conn {
	r.t.Helper()
	c, err := r.dialSide.Dial(r.ctx, addr)
	if err != nil {
		r.t.Fatalf("dial %s: %v", addr, err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) accept(l net.Listener) net.Conn {
	r.t.Helper()
	c, err := l.Accept()
	if err != nil {
		r.t.Fatalf("accept: %v", err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair gives the two ends of a connection, each with a limit to how long it
// can hang the test.
func (r *rig) pair() (dialled, accepted net.Conn) {
	r.t.Helper()
	l := r.listen()
	dialled = r.dial(l.Addr().String())
	accepted = r.accept(l)
	limit, _ := r.ctx.Deadline()
	for _, c := range []net.Conn{dialled, accepted} {
		if err := c.SetDeadline(limit); err != nil {
			r.t.Fatalf("set a deadline: %v", err)
		}
	}
	return dialled, accepted
}

// wantIs fails unless err is target.
func wantIs(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: got error %v, want one that is %q", what, err, target)
	}
}

// inBackground runs f and gives where its error will be.
//
// The goroutine belongs to the test that calls; f ends when what it waits for
// comes or the connection's deadline passes; the test receives its error.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

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

// pattern gives n bytes that are different at each place within a window.
func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return p
}

func bigTransfer(t *testing.T, r *rig) {
	const size = 4 << 20 // many times what a connection holds on the way
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
				return errors.New("other bytes than were sent")
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
	half, ok := a.(interface{ CloseWrite() error })
	if !ok {
		t.Log("this transport cannot end one direction alone, which the contract leaves open")
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
	// The first bytes may still go out: they are what tells this end. The
	// deadline of the pair ends a transport that never learns it.
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
	_ = a.Close() // what it says is its own business; that it does no harm is not
	_, err := a.Read(make([]byte, 1))
	wantIs(t, "read after Close", err, net.ErrClosed)
	_, err = a.Write([]byte("x"))
	wantIs(t, "write after Close", err, net.ErrClosed)
}

// soon is a deadline that passes while a call waits. How long that takes
// decides nothing.
const soon = 20 * time.Millisecond

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
	// Writing has a deadline of its own, and reading can be made to work again.
	if _, err := a.Write([]byte("a")); err != nil {
		t.Fatalf("write beside the read deadline: %v", err)
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
	// Exactly what the writes said was sent arrives, and then what follows.
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

func dialIsRefused(t *testing.T, r *rig) {
	l := r.listen()
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := r.dialSide.Dial(r.ctx, addr)
	if err == nil {
		_ = c.Close()
		t.Fatalf("dialled %s, where nobody listens", addr)
	}
	if !transport.IsRefused(err) || transport.IsTimeout(err) {
		t.Errorf("refused %v, timeout %v: %v", transport.IsRefused(err), transport.IsTimeout(err), err)
	}
	if _, ok := errors.AsType[*transport.Error](err); !ok {
		t.Errorf("got a %T, want a *transport.Error: %v", err, err)
	}
}

func dialHonoursContext(t *testing.T, r *rig) {
	addr := r.listen().Addr().String()
	canceled, cancel := context.WithCancel(r.ctx)
	cancel()
	_, err := r.dialSide.Dial(canceled, addr)
	wantIs(t, "dial with a context that was canceled", err, context.Canceled)
	if transport.IsTimeout(err) {
		t.Errorf("what was canceled is no timeout: %v", err)
	}
	late, cancel := context.WithDeadline(r.ctx, time.Unix(1, 0))
	defer cancel()
	if _, err := r.dialSide.Dial(late, addr); !transport.IsTimeout(err) {
		t.Errorf("dial after its deadline: got %v, want a timeout", err)
	}
}

func connOutlivesContext(t *testing.T, r *rig) {
	l := r.listen()
	ctx, cancel := context.WithCancel(r.ctx)
	a, err := r.dialSide.Dial(ctx, l.Addr().String())
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	b := r.accept(l)
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func listenHonoursContext(t *testing.T, r *rig) {
	ctx, cancel := context.WithCancel(r.ctx)
	l, err := r.listenSide.Listen(ctx, r.addr)
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r.dial(l.Addr().String()) // the listener has outlived the context
	r.accept(l)
}

func closeUnblocksAccept(t *testing.T, r *rig) {
	l := r.listen()
	accept := inBackground(func() error {
		_, err := l.Accept()
		return err
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err := <-accept
	wantIs(t, "accept on a listener that is closed", err, net.ErrClosed)
	if transport.IsTemporary(err) {
		t.Errorf("a closed listener stays closed: %v", err)
	}
}

func closedListenerLeavesConns(t *testing.T, r *rig) {
	l := r.listen()
	a := r.dial(l.Addr().String())
	b := r.accept(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func addressInUse(t *testing.T, r *rig) {
	l := r.listen()
	again, err := r.listenSide.Listen(r.ctx, l.Addr().String())
	if err == nil {
		_ = again.Close()
		t.Fatalf("two listeners at %s", l.Addr())
	}
	if !transport.IsAddrInUse(err) {
		t.Errorf("got %v, want that the address is in use", err)
	}
	// Free again once the first is closed.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err = r.listenSide.Listen(r.ctx, l.Addr().String())
	if err != nil {
		t.Fatalf("listen where somebody did before: %v", err)
	}
	_ = again.Close()
}

func badAddress(t *testing.T, r *rig) {
	const addr = "no address at all"
	if l, err := r.listenSide.Listen(r.ctx, addr); err == nil {
		_ = l.Close()
		t.Error("listens at no address")
	} else if e, ok := errors.AsType[*transport.Error](err); !ok || e.Op != "listen" || e.Addr != addr {
		t.Errorf("listen: got %#v", err)
	}
	if c, err := r.dialSide.Dial(r.ctx, addr); err == nil {
		_ = c.Close()
		t.Error("dialled no address")
	} else if e, ok := errors.AsType[*transport.Error](err); !ok || e.Op != "dial" || e.Addr != addr {
		t.Errorf("dial: got %#v", err)
	}
}

func hundredConns(t *testing.T, r *rig) {
	const conns = 100
	l := r.listen()
	// The server: one goroutine that accepts and one for each connection, all
	// of which end with the connections; the test waits for them.
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
				return errors.New("bytes of somebody else")
			}
			return <-wrote
		}))
	}
	for i, client := range clients {
		if err := <-client; err != nil {
			t.Errorf("client %d: %v", i, err)
			_ = l.Close() // or the server waits for it in vain
		}
	}
	server.Wait()
}
