package smoke

import (
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// quiet returns a node that logs nowhere.
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
	n.onLost(emitter.Lost{Events: 7}) // the emitter has counted these events
	if got, want := n.Stats().Handlers, (HandlerStats{Panics: 2, Errors: 2, Slow: 1, Dropped: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
