package mem_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

const annIP, bobIP = "10.0.0.1", "10.0.0.2"

// story is a network in a bubble with two hosts and a connection between them.
type story struct {
	*testing.T
	net      *mem.Network
	ann, bob transport.Transport
	listener net.Listener // ann's
	toBob    net.Conn     // ann's end
	toAnn    net.Conn     // bob's end
}

// tell runs a story in virtual time.
func tell(t *testing.T, f func(s *story)) {
	synctest.Test(t, func(t *testing.T) {
		s := &story{T: t, net: mem.New()}
		s.ann, s.bob = s.net.Host(annIP), s.net.Host(bobIP)
		var err error
		if s.listener, err = s.ann.Listen(t.Context(), annIP+":0"); err != nil {
			t.Fatal(err)
		}
		s.toAnn, s.toBob = s.connect()
		f(s)
		_ = s.listener.Close()
		_ = s.toAnn.Close()
		_ = s.toBob.Close()
	})
}

func (s *story) connect() (dialled, accepted net.Conn) {
	s.Helper()
	dialled, err := s.bob.Dial(s.Context(), s.listener.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	accepted, err = s.listener.Accept()
	if err != nil {
		s.Fatal(err)
	}
	return dialled, accepted
}

func (s *story) cut() { s.net.Cut([]string{annIP}, []string{bobIP}) }

func (s *story) send(c net.Conn, text string) {
	s.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		s.Fatal(err)
	}
}

func (s *story) wantRead(c net.Conn, text string) {
	s.Helper()
	p := make([]byte, len(text))
	if _, err := io.ReadFull(c, p); err != nil || string(p) != text {
		s.Fatalf("read %q, %v; want %q", p, err, text)
	}
}

// wantSilence fails if data or an error arrives within an hour.
func (s *story) wantSilence(c net.Conn) {
	s.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !transport.IsTimeout(err) {
		s.Fatalf("read %d bytes, %v; want nothing for an hour", n, err)
	}
	_ = c.SetReadDeadline(time.Time{})
}

func TestACutIsSilentAndLosesNothing(t *testing.T) {
	tell(t, func(s *story) {
		s.send(s.toAnn, "before ")
		s.cut()
		s.send(s.toAnn, "during ")
		s.wantRead(s.toBob, "before ") // it arrived before the cut
		s.wantSilence(s.toBob)
		s.net.Heal()
		s.send(s.toAnn, "after")
		s.wantRead(s.toBob, "during after")
	})
}

func TestTheEndOfAStreamDoesNotCrossACut(t *testing.T) {
	tell(t, func(s *story) {
		s.cut()
		s.send(s.toAnn, "goodbye")
		_ = s.toAnn.Close()
		s.wantSilence(s.toBob)
		s.send(s.toBob, "are you there?") // ann does not know yet that bob is dead
		s.net.Heal()
		s.wantRead(s.toBob, "goodbye")
		if _, err := s.toBob.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want the end", err)
		}
		if _, err := s.toBob.Write([]byte("x")); !transport.IsReset(err) {
			t.Errorf("a write to nobody: %v", err)
		}
	})
}

func TestACutFillsTheWindow(t *testing.T) {
	tell(t, func(s *story) {
		s.cut()
		_ = s.toAnn.SetWriteDeadline(time.Now().Add(time.Hour))
		n, err := s.toAnn.Write(make([]byte, 2*mem.Window))
		if n != mem.Window || !transport.IsTimeout(err) {
			t.Fatalf("wrote %d bytes, %v; want %d and a timeout", n, err, mem.Window)
		}
		s.net.Heal()
		if _, err := io.ReadFull(s.toBob, make([]byte, mem.Window)); err != nil {
			t.Fatal(err)
		}
		_ = s.toAnn.SetWriteDeadline(time.Time{})
		s.send(s.toAnn, "room again")
		s.wantRead(s.toBob, "room again")
	})
}

func TestADialAcrossACutHangsUntilItHeals(t *testing.T) {
	tell(t, func(s *story) {
		s.cut()
		start := time.Now()
		ctx, cancel := context.WithTimeout(s.Context(), 3*time.Second)
		defer cancel()
		_, err := s.bob.Dial(ctx, s.listener.Addr().String())
		if !transport.IsTimeout(err) || transport.IsRefused(err) || time.Since(start) != 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		time.AfterFunc(time.Minute, s.net.Heal)
		a, b := s.connect()
		_, _ = a.Close(), b.Close()
		if took := time.Since(start); took != time.Minute+3*time.Second {
			t.Errorf("connected after %v", took)
		}
	})
}

func TestCutsAddUpAndHaveSides(t *testing.T) {
	tell(t, func(s *story) {
		const carlIP = "10.0.0.3"
		carl := s.net.Host(carlIP)
		s.cut()
		s.net.Cut([]string{carlIP, bobIP}, []string{annIP, carlIP})
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		if _, err := carl.Dial(ctx, s.listener.Addr().String()); !transport.IsTimeout(err) {
			t.Errorf("carl reaches ann: %v", err)
		}
		// A host can always reach itself.
		l, err := carl.Listen(s.Context(), carlIP+":9")
		if err != nil {
			t.Fatal(err)
		}
		c, err := carl.Dial(s.Context(), carlIP+":9")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Close(), l.Close()
	})
}

func TestMendEndsOneCutAndLeavesTheOthers(t *testing.T) {
	tell(t, func(s *story) {
		s.cut()
		s.net.Cut([]string{annIP}, []string{"10.0.0.3"})
		s.send(s.toAnn, "during")
		s.net.Mend([]string{annIP}, []string{"10.0.0.4"})
		s.wantSilence(s.toBob)
		s.net.Mend([]string{bobIP}, []string{annIP})
		s.wantRead(s.toBob, "during")
		s.send(s.toBob, "after")
		s.wantRead(s.toAnn, "after")
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		if _, err := s.net.Host("10.0.0.3").Dial(ctx, s.listener.Addr().String()); !transport.IsTimeout(err) {
			t.Errorf("the other cut: %v", err)
		}
	})
}

func TestAnUnknownHostDoesNotAnswerUntilItIsThere(t *testing.T) {
	tell(t, func(s *story) {
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		if _, err := s.bob.Dial(ctx, "10.9.9.9:1"); !transport.IsTimeout(err) {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(time.Second, func() { s.net.Host("10.9.9.9") })
		if _, err := s.bob.Dial(s.Context(), "10.9.9.9:1"); !transport.IsRefused(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestKillResetsAndRefuses(t *testing.T) {
	tell(t, func(s *story) {
		addr := s.listener.Addr().String()
		s.send(s.toAnn, "never read")
		var ends [3]error // of the calls that wait when the process dies
		var waits [3]chan struct{}
		for i, wait := range []func() error{
			func() error { _, err := s.toAnn.Read(make([]byte, 1)); return err },
			func() error { _, err := s.toBob.Write(make([]byte, 2*mem.Window)); return err },
			func() error { _, err := s.listener.Accept(); return err },
		} {
			waits[i] = make(chan struct{})
			// Belongs to this test, ends when ann is killed, waited for below.
			go func() { ends[i] = wait(); close(waits[i]) }()
		}
		synctest.Wait()
		s.net.Kill(annIP)
		for _, w := range waits {
			<-w
		}
		// Bob may read some of the bytes that ann wrote before the end.
		if _, err := io.Copy(io.Discard, s.toAnn); !transport.IsReset(err) {
			t.Errorf("bob reads: %v", err)
		}
		if !transport.IsReset(ends[1]) || !errors.Is(ends[2], net.ErrClosed) {
			t.Errorf("ann writes: %v; ann accepts: %v", ends[1], ends[2])
		}
		if _, err := s.bob.Dial(s.Context(), addr); !transport.IsRefused(err) {
			t.Errorf("dial the dead: %v", err)
		}
		if _, err := s.ann.Listen(s.Context(), addr); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the dead listens: %v", err)
		}
		if _, err := s.ann.Dial(s.Context(), bobIP+":1"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the dead dials: %v", err)
		}
		// The next life at the same address and port.
		var err error
		if s.listener, err = s.net.Host(annIP).Listen(s.Context(), addr); err != nil {
			t.Fatal(err)
		}
		a, b := s.connect()
		s.send(a, "hello again")
		s.wantRead(b, "hello again")
		_, _ = a.Close(), b.Close()
	})
}

func TestADeathBehindACutIsLearntWhenItHeals(t *testing.T) {
	tell(t, func(s *story) {
		s.cut()
		s.net.Kill(annIP)
		if _, err := s.toBob.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("ann's own end: %v", err)
		}
		s.wantSilence(s.toAnn)
		s.net.Heal()
		if _, err := s.toAnn.Read(make([]byte, 1)); !transport.IsReset(err) {
			t.Errorf("bob's end: %v", err)
		}
	})
}

func TestBytesTakeTheirTime(t *testing.T) {
	tell(t, func(s *story) {
		s.net.Latency(50 * time.Millisecond)
		start := time.Now()
		s.send(s.toAnn, "one")
		time.AfterFunc(20*time.Millisecond, func() { s.send(s.toAnn, "two"); _ = s.toAnn.Close() })
		s.wantRead(s.toBob, "one")
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("the first came after %v", took)
		}
		s.wantRead(s.toBob, "two")
		if _, err := s.toBob.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want the end", err)
		}
		if took := time.Since(start); took != 70*time.Millisecond {
			t.Errorf("the rest came after %v", took)
		}
		start = time.Now()
		a, b := s.connect()
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("a dial took %v, want two ways", took)
		}
		// Bytes do not overtake earlier bytes, even if the latency has become shorter.
		s.send(a, "slow ")
		s.net.Latency(0)
		s.send(a, "fast")
		s.wantRead(b, "slow fast")
		_, _ = a.Close(), b.Close()
	})
}

// Each write has a random delay, and none overtakes an earlier one.
func TestJitterKeepsTheOrder(t *testing.T) {
	tell(t, func(s *story) {
		s.net.Latency(50 * time.Millisecond)
		s.net.Jitter(20 * time.Millisecond)
		start := time.Now()
		times := make(map[time.Duration]bool)
		for i := range 100 {
			s.send(s.toAnn, string(rune('a'+i%26)))
		}
		for i := range 100 {
			s.wantRead(s.toBob, string(rune('a'+i%26)))
			times[time.Since(start)] = true
		}
		if took := time.Since(start); took < 50*time.Millisecond || took > 70*time.Millisecond {
			t.Errorf("the last came after %v", took)
		}
		if len(times) == 1 {
			t.Error("all took the same time")
		}
		start = time.Now()
		a, b := s.connect()
		if took := time.Since(start); took < 100*time.Millisecond || took > 140*time.Millisecond {
			t.Errorf("a dial took %v", took)
		}
		_, _ = a.Close(), b.Close()
	})
}

func TestAFullBacklogMakesDialsWait(t *testing.T) {
	tell(t, func(s *story) {
		var conns []net.Conn
		for {
			ctx, cancel := context.WithTimeout(s.Context(), time.Second)
			c, err := s.bob.Dial(ctx, s.listener.Addr().String())
			cancel()
			if err != nil {
				if !transport.IsTimeout(err) {
					t.Fatal(err)
				}
				break
			}
			conns = append(conns, c)
		}
		accepted, err := s.listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.bob.Dial(s.Context(), s.listener.Addr().String())
		if err != nil {
			t.Fatalf("dial after one was accepted: %v", err)
		}
		// Connections that were not accepted are reset.
		_ = s.listener.Close()
		if _, err := c.Read(make([]byte, 1)); !transport.IsReset(err) {
			t.Errorf("got %v", err)
		}
		for _, c := range append(conns, c, accepted) {
			_ = c.Close()
		}
	})
}

// A dial never gets a local port that another open connection to the same address has.
func TestLocalPortsAreNotUsedTwice(t *testing.T) {
	tell(t, func(s *story) {
		ports := []string{s.toAnn.LocalAddr().String()}
		for range 40_000 { // more than there are ports
			a, b := s.connect()
			if port := a.LocalAddr().String(); port == ports[0] {
				t.Fatalf("%s is taken", port)
			} else if len(ports) < 3 && !slices.Contains(ports, port) {
				ports = append(ports, port)
			}
			_, _ = a.Close(), b.Close()
		}
		if len(ports) != 3 {
			t.Errorf("only the ports %v", ports)
		}
	})
}

func TestListenAtAWildcard(t *testing.T) {
	tell(t, func(s *story) {
		l, err := s.ann.Listen(s.Context(), ":7000")
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.bob.Dial(s.Context(), annIP+":7000")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Close(), l.Close()
		if _, err := s.ann.Listen(s.Context(), bobIP+":7000"); err == nil {
			t.Error("ann listens at bob's address")
		}
	})
}
