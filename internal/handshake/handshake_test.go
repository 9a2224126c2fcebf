package handshake

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// end returns the configuration of a node with a number and options.
func end(t *testing.T, id byte, network string, o Options) *Config {
	guard, _, err := o.Guard()
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Network: network, Self: ident.Origin{ID: ident.ID{id}, Epoch: 1}, Guard: guard}
	if guard != nil {
		c.Self.ID = guard.ID()
	}
	return c
}

// meet does a handshake between two ends, over a connection in memory.
func meet(t *testing.T, dials, waits *Config) (dialler, waiter *Link, dialErr, waitErr error) {
	network := mem.New()
	listener, err := network.Host("10.0.0.1").Listen(t.Context(), "10.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	go func() { // owned by the test; ends with the handshake
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		if waiter, waitErr = Greet(t.Context(), waits, conn, ""); waitErr != nil {
			conn.Close()
		}
	}()
	conn, err := network.Host("10.0.0.2").Dial(t.Context(), "10.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if dialler, dialErr = Greet(t.Context(), dials, conn, "10.0.0.1:1"); dialErr != nil {
		conn.Close()
	}
	<-done
	if dialErr == nil {
		dialler.Conn.Close()
	}
	if waitErr == nil {
		waiter.Conn.Close()
	}
	return dialler, waiter, dialErr, waitErr
}

// Both ends know each other after the handshake, or each knows why not.
func TestTwoEndsMeet(t *testing.T) {
	secret, another := trust.NewSecret(), trust.NewSecret()
	plain, safe := Options{}, Options{Secret: secret}
	for _, c := range []struct {
		name                      string
		dials, waits              Options
		dialNetwork, waitNetwork  string
		dialErr, waitErr, isNever error
	}{
		{name: "plaintext", dials: plain, waits: plain},
		{name: "encrypted", dials: safe, waits: safe},
		{name: "another secret", dials: safe, waits: Options{Secret: another}, dialErr: ErrTurnedAway, waitErr: trust.ErrWrongSecret},
		{name: "another network", waitNetwork: "b", dialErr: ErrOtherNetwork, waitErr: ErrOtherNetwork},
		{name: "only the dialling end is encrypted", dials: safe, dialErr: ErrPlaintext, waitErr: ErrSpeaksTLS},
		{name: "only the waiting end is encrypted", waits: safe, dialErr: ErrSpeaksTLS, waitErr: ErrPlaintext, isNever: ErrSpeaksTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials, waits := end(t, 1, c.dialNetwork, c.dials), end(t, 2, c.waitNetwork, c.waits)
				dialler, waiter, dialErr, waitErr := meet(t, dials, waits)
				if !errors.Is(dialErr, c.dialErr) || !errors.Is(waitErr, c.waitErr) || c.isNever != nil && errors.Is(waitErr, c.isNever) {
					t.Fatalf("the dialling end: %v; the waiting end: %v", dialErr, waitErr)
				}
				if c.dialErr != nil {
					return
				}
				if dialler.Hello.ID != waits.Self.ID || waiter.Hello.ID != dials.Self.ID || waiter.Hello.Seen != "10.0.0.1:1" && waiter.Hello.Seen != dialler.Addr {
					t.Errorf("%+v and %+v", dialler.Hello, waiter.Hello)
				}
			})
		})
	}
}

// If a handshake fails because of another network, the caller still gets the HELLO. With
// AnyNetwork, the handshake succeeds.
func TestAnotherNetworkIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials, waits := end(t, 1, "a", Options{}), end(t, 2, "b", Options{})
		dialler, _, err, _ := meet(t, dials, waits)
		var misfit *MisfitError
		if !errors.As(err, &misfit) || misfit.Ours != "a" || misfit.Theirs != "b" || dialler.Hello == nil || dialler.Hello.ID != waits.Self.ID {
			t.Errorf("%v, %+v", err, dialler.Hello)
		}
		dials.AnyNetwork = true
		if _, _, err, _ := meet(t, dials, waits); err != nil {
			t.Error(err)
		}
	})
}

// If a node connects to itself, the handshake calls OnSelf and returns its error.
func TestALifeThatMeetsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := end(t, 1, "", Options{})
		copied := errors.New("a copy")
		for _, verdict := range []error{nil, copied} {
			waits := *self
			met := ""
			waits.OnSelf = func(_ *wire.Hello, from string) error { met = from; return verdict }
			if _, _, _, err := meet(t, self, &waits); err != verdict || met == "" {
				t.Errorf("met at %q: %v, want %v", met, err, verdict)
			}
		}
	})
}

// If the other end is silent, a handshake fails after Within, or as soon as the context
// ends.
func TestAHandshakeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		start := time.Now()
		if _, err := Greet(t.Context(), end(t, 1, "", Options{}), ours, ""); !errors.Is(err, ErrSilent) || !errors.Is(err, ErrTimeout) || time.Since(start) != Within {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		ours, theirs = net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := Greet(ctx, end(t, 1, "", Options{}), ours, ""); err == nil || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
