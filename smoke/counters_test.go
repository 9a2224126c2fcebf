package smoke

import (
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// quiet is a node that logs nowhere.
func quiet(o Options) *Node {
	log := logrus.New()
	log.SetOutput(io.Discard)
	o.Logger = log
	return CreateNode(o)
}

func TestWhatBefallsHandlersIsCounted(t *testing.T) {
	n := quiet(Options{})
	c := n.reports("peer", nil)
	c.OnPanic("chat", "boom", nil)
	c.OnError("chat", ErrArguments)
	c.OnError("chat", ErrArguments)
	c.OnSlow("chat", time.Second)
	c.OnDrop(emitter.Lost{Events: 5})
	n.OnGap(func(Gap) { panic("boom") })
	n.onLost(emitter.Lost{Events: 7}) // which the emitter has counted
	if got, want := n.Stats().Handlers, (HandlerStats{Panics: 2, Errors: 2, Slow: 1, Dropped: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestEventsThatWillNotComeAreCounted(t *testing.T) {
	n := quiet(Options{})
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	d, err := n.life()
	if err != nil {
		t.Fatal(err)
	}
	d.step(func(time.Time) {
		d.Gap(plumtree.Range{Origin: ident.Origin{ID: ID{1}, Epoch: 1}, From: 3, To: 10})
		d.Gap(plumtree.Range{Origin: ident.Origin{ID: ID{2}, Epoch: 1}, From: 1, To: 2})
		d.Gap(plumtree.Range{Origin: ident.Origin{ID: n.ID(), Epoch: 1}, From: 1, To: 2}) // it has heard these
	})
	if got := n.Stats().Missed; got != 8 {
		t.Errorf("%d events are missed", got)
	}
}

func TestTheFiguresShowANetsplitWhileItLasts(t *testing.T) {
	n := quiet(Options{})
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	d, err := n.life()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		notice netsplit.Notice
		split  bool
	}{{netsplit.Found{}, true}, {netsplit.SeedLost{}, true}, {netsplit.Healed{}, false}, {netsplit.Found{}, true}} {
		d.step(func(time.Time) { d.Notify(c.notice) })
		if got := n.Stats(); got.Split != c.split {
			t.Errorf("after notice %d: %v", i, got.Split)
		}
	}
	if got := n.Stats(); got.Netsplits != 2 || got.Heals != 1 {
		t.Errorf("%d netsplits and %d heals", got.Netsplits, got.Heals)
	}
}
