package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// couple returns two drivers that have become neighbours.
func couple(t *testing.T) (ann, bob *witness) {
	t.Helper()
	network := mem.New()
	ann = start(t, network.Host("10.0.0.1"), "10.0.0.1:1", nil)
	bob = start(t, network.Host("10.0.0.2"), "10.0.0.2:2", func(c *Config) { c.Seeds = []string{"10.0.0.1:1"} })
	if n := <-ann.linked; n.ID() != bob.self.ID {
		t.Fatalf("ann has the neighbour %s, want %s", n.ID(), bob.self.ID)
	}
	<-bob.linked
	return ann, bob
}

// Two lives work without package smoke. One emits an event, the handlers of the other get
// it, and each reports the other node to its host.
func TestTwoDriversShareEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob := couple(t)
		var heard []string
		bob.events.Register("chat", func(e *emitter.Event) error {
			heard = append(heard, string(e.Payload))
			return nil
		}, emitter.Settings{})
		for _, text := range []string{"\x91\x01", "\x91\x02"} {
			body, err := wire.AppendBody(nil, "chat", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := ann.Emit(t.Context(), body); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if !slices.Equal(heard, []string{"\x91\x01", "\x91\x02"}) {
			t.Errorf("bob heard %q", heard)
		}
		if f, ok := bob.Figures(); !ok || f.Peers != 1 || f.Tree.Delivered != 2 {
			t.Errorf("%v, %+v", ok, f)
		}
		if nodes, err := ann.Count(t.Context()); nodes != 2 || err != nil {
			t.Errorf("ann counts %d, %v", nodes, err)
		}

		left, _ := ann.stop(t)
		if left.Unsent+left.Bytes+left.Events+len(left.Running) > 0 {
			t.Errorf("left of ann: %+v", left)
		}
		synctest.Wait()
		bob.step(func(time.Time) {
			if !slices.Equal(bob.down, []ident.ID{ann.self.ID}) {
				t.Errorf("bob reports as gone %v", bob.down)
			}
		})
		if err := ann.Emit(t.Context(), nil); err != ErrStopped {
			t.Errorf("Emit after the end: %v", err)
		}
		_, memory := bob.stop(t)
		if want := (plumtree.Range{Origin: ann.self, From: 1, To: 3}); !slices.Contains(memory.Heard, want) {
			t.Errorf("bob remembers %+v, want %+v", memory.Heard, want)
		}
	})
}

// A neighbour that has left reports the reason, and accepts no more events.
func TestANeighbourThatHasGoneSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob := couple(t)
		var n *Neighbour
		ann.step(func(time.Time) { n = ann.neighbours[bob.self.ID] })
		if d, ok := n.Departure(); ok {
			t.Errorf("before it has gone: %+v", d)
		}
		if err := ann.Remove(bob.self.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d, ok := n.Departure(); !ok || d != (Departure{Why: hyparview.ReasonRemoved}) {
			t.Errorf("%v, %+v", ok, d)
		}
		if err := n.Emit(t.Context(), nil); err != ErrPeerGone {
			t.Errorf("Emit: %v", err)
		}
		if err := ann.Remove(bob.self.ID); err != ErrPeerGone {
			t.Errorf("Remove: %v", err)
		}
	})
}

func TestEventsThatWillNotComeAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := start(t, mem.New().Host("10.0.0.1"), "10.0.0.1:1", nil)
		ann.step(func(time.Time) {
			out := ann.out()
			out.Gap(plumtree.Range{Origin: ident.Origin{ID: ident.ID{1}, Epoch: 1}, From: 3, To: 10})
			out.Gap(plumtree.Range{Origin: ident.Origin{ID: ident.ID{2}, Epoch: 1}, From: 1, To: 2})
			out.Gap(plumtree.Range{Origin: ident.Origin{ID: ann.self.ID, Epoch: 1}, From: 1, To: 2}) // events of an earlier life of this node do not count as missed
		})
		if f, _ := ann.Figures(); f.Missed != 8 || len(ann.gaps) != 2 {
			t.Errorf("%d events are missed, in %d gaps", f.Missed, len(ann.gaps))
		}
	})
}

func TestTheFiguresShowANetsplitWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := start(t, mem.New().Host("10.0.0.1"), "10.0.0.1:1", nil)
		for i, c := range []struct {
			notice netsplit.Notice
			split  bool
		}{{netsplit.Found{}, true}, {netsplit.SeedLost{}, true}, {netsplit.Healed{}, false}, {netsplit.Found{}, true}} {
			ann.step(func(time.Time) { ann.out().Notify(c.notice) })
			if f, _ := ann.Figures(); f.IsSplit != c.split {
				t.Errorf("after notice %d: %v", i, f.IsSplit)
			}
		}
		if s, h := ann.counters.Netsplits.Load(), ann.counters.Heals.Load(); s != 2 || h != 1 {
			t.Errorf("%d netsplits and %d heals", s, h)
		}
	})
}

// While a link's reader verifies events, which may take long, the node does its other
// work.
func TestTheNodeGoesOnWhileEventsAreVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		begun, goOn := make(chan struct{}), make(chan struct{})
		sign := func(c *Config) { c.Signing = NewSigning(t.Name(), nil, []string{"news"}) }
		ann := start(t, network.Host("10.0.0.1"), "10.0.0.1:1", sign)
		bob := start(t, network.Host("10.0.0.2"), "10.0.0.2:2", func(c *Config) { c.Seeds = []string{"10.0.0.1:1"} })
		<-ann.linked
		<-bob.linked
		ann.step(func(time.Time) {
			for _, l := range ann.links {
				verify := l.verify
				l.verify = func(o ident.Origin, seq uint64, body []byte) bool {
					close(begun)
					<-goOn
					return verify(o, seq, body)
				}
			}
		})
		heard := 0
		ann.events.Register("talk", func(*emitter.Event) error { heard++; return nil }, emitter.Settings{})
		body, err := wire.AppendBody(nil, "talk", []byte("\x90"))
		if err != nil {
			t.Fatal(err)
		}
		if err := bob.Emit(t.Context(), body); err != nil {
			t.Fatal(err)
		}
		<-begun
		if f, ok := ann.Figures(); !ok || f.Peers != 1 || f.Tree.Delivered != 0 { // Figures needs the same lock as a step
			t.Errorf("meanwhile: %v, %+v", ok, f)
		}
		if err := ann.Emit(context.Background(), body); err != nil {
			t.Error(err)
		}
		close(goOn)
		synctest.Wait()
		if heard != 1 {
			t.Errorf("ann heard %d events", heard)
		}
	})
}

// When the life ends, every call that waits for an answer returns ErrStopped, even if
// code of the program ends the life.
func TestTheEndAnswersAllQuestions(t *testing.T) {
	for _, isInside := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ann, _ := couple(t)
			errs := make(chan error)
			const asked = 20
			for range asked {
				go func() { // owner: the test, which waits for the error
					_, err := ann.ask(t.Context(), func(time.Time, uint64) {}) // this question is never answered
					errs <- err
				}()
			}
			synctest.Wait()
			ann.Stop(t.Context(), isInside)
			for range asked {
				if err := <-errs; err != ErrStopped {
					t.Errorf("inside: %v: %v", isInside, err)
				}
			}
			ann.events.Close()
		})
	}
}

// Programs can test for the reason why a seed is lost, because it is not an error of an
// internal package.
func TestTheReasonOfALostSeedIsPublic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := start(t, mem.New().Host("10.0.0.1"), "10.0.0.1:1", nil)
		strange := errors.New("strange")
		for _, c := range []struct{ err, want error }{
			{hyparview.ErrTwin, ErrSameID},
			{&DialError{Addr: "10.0.0.2:2", Err: handshake.ErrTimeout}, handshake.ErrTimeout},
			{strange, strange},
		} {
			ann.step(func(time.Time) { ann.out().Notify(netsplit.SeedLost{Addr: "10.0.0.2:2", Err: c.err}) })
			got := ann.notices[len(ann.notices)-1].(netsplit.SeedLost)
			_, isDial := errors.AsType[*DialError](got.Err)
			if !errors.Is(got.Err, c.want) || isDial != (c.want != strange) {
				t.Errorf("%v became %v", c.err, got.Err)
			}
		}
	})
}
