package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

func dialIsRefused(t *testing.T, r *rig) {
	l := r.listen()
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := r.dialSide.Dial(r.ctx, addr)
	if err == nil {
		_ = c.Close()
		t.Fatalf("dialled %s, where no program listens", addr)
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
		t.Errorf("a canceled dial counts as a timeout: %v", err)
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
	r.dial(l.Addr().String()) // the listener still accepts after the context has ended
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
		t.Errorf("a closed listener returns a temporary error: %v", err)
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
	// The address is free again after the first listener is closed.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err = r.listenSide.Listen(r.ctx, l.Addr().String())
	if err != nil {
		t.Fatalf("listen again at the address of a closed listener: %v", err)
	}
	_ = again.Close()
}

func badAddress(t *testing.T, r *rig) {
	const addr = "no address at all"
	if l, err := r.listenSide.Listen(r.ctx, addr); err == nil {
		_ = l.Close()
		t.Error("Listen accepted a text that is not an address")
	} else if e, ok := errors.AsType[*transport.Error](err); !ok || e.Op != "listen" || e.Addr != addr {
		t.Errorf("listen: got %#v", err)
	}
	if c, err := r.dialSide.Dial(r.ctx, addr); err == nil {
		_ = c.Close()
		t.Error("Dial accepted a text that is not an address")
	} else if e, ok := errors.AsType[*transport.Error](err); !ok || e.Op != "dial" || e.Addr != addr {
		t.Errorf("dial: got %#v", err)
	}
}
