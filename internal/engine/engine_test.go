package engine

import (
	"context"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/transport"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is the host of a driver under test. It records the driver's reports.
type witness struct {
	*Driver
	events   *emitter.Emitter
	counters Counters

	// These fields are written in steps of the driver, so Driver.mu guards them.
	up      []ident.ID
	down    []ident.ID
	gaps    []plumtree.Range
	notices []netsplit.Notice
	shutOut [][]*DialError
	linked  chan *Neighbour // receives each new neighbour
}

// newLog returns a log whose messages are discarded.
func newLog(t *testing.T) *logging.Logger {
	t.Helper()
	out := logrus.New()
	out.SetOutput(t.Output())
	out.SetLevel(logrus.ErrorLevel)
	log, err := logging.New(out)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// start begins the life of a node on a transport. change may change the configuration
// before that.
func start(t *testing.T, network transport.Transport, bind string, change func(*Config)) *witness {
	t.Helper()
	w := &witness{events: emitter.New(emitter.Config{}), linked: make(chan *Neighbour, 16)}
	cfg := Config{
		ID: ident.ID{byte(len(bind)), bind[len(bind)-1]}, Network: t.Name(), Bind: bind, Transport: network,
		Advertise:  func(listening string) Advertised { return Advertised{Hello: listening, Addr: listening} },
		Membership: hyparview.Config{MinPeers: 3, MaxPeers: 6},
		Signing:    NewSigning(t.Name(), nil, nil),
		Log:        newLog(t), Events: w.events, Counters: &w.counters, Refusals: new(Refusals), Host: w,
	}
	cfg.Calls = callout.New(cfg.Log, &w.counters.Calls)
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg.Calls.Context(context.WithoutCancel(t.Context())), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Driver = d
	d.Start()
	t.Cleanup(func() { w.stop(t) })
	return w
}

// stop ends the life. Further calls have no effect.
func (w *witness) stop(t *testing.T) (left *Unfinished, memory Memory) {
	if w.ctx.Err() != nil {
		return nil, Memory{}
	}
	ctx := context.WithoutCancel(t.Context()) // the test's context has ended when cleanups run
	left, memory = w.Stop(ctx, false)
	left.AwaitHandlers(ctx, w.events)
	w.log.Flush(ctx)
	return left, memory
}

func (w *witness) PeerEvents(ident.ID) *emitter.Emitter { return emitter.New(emitter.Config{}) }

func (w *witness) PeerUp(n *Neighbour) {
	w.up = append(w.up, n.ID())
	select {
	case w.linked <- n:
	default:
	}
}

func (w *witness) PeerDown(n *Neighbour) {
	w.down = append(w.down, n.ID())
}

func (w *witness) Gap(missing plumtree.Range) {
	w.gaps = append(w.gaps, missing)
}

func (w *witness) Netsplit(n netsplit.Notice) {
	w.notices = append(w.notices, n)
}

func (w *witness) Conflict(overlay.Conflict) {}

func (w *witness) ShutOut(tried []*DialError) (report func()) {
	w.shutOut = append(w.shutOut, tried)
	return nil
}
