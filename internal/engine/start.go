package engine

import (
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// lives holds the last epoch, so that each epoch is higher than the one before, even if
// the clock does not advance.
var lives atomic.Uint64

func newEpoch() uint64 {
	for {
		last := lives.Load()
		epoch := max(uint64(time.Now().UnixNano()), last+1)
		if lives.CompareAndSwap(last, epoch) {
			return epoch
		}
	}
}

// New listens at the address and returns a life that has not begun. The caller must call
// [Driver.Start] or [Driver.Abort]. New runs code of the program. If ctx ends, the life
// ends at once.
func New(ctx context.Context, cfg Config) (*Driver, error) {
	d := &Driver{
		cfg:        cfg,
		host:       cfg.Host,
		events:     cfg.Events,
		counters:   cfg.Counters,
		refusals:   cfg.Refusals,
		log:        cfg.Log,
		program:    newProgram(&cfg),
		self:       ident.Origin{ID: cfg.ID, Epoch: newEpoch()},
		born:       time.Now(),
		file:       newStateFile(&cfg),
		links:      make(map[ident.Link]*link),
		conns:      make(map[*link]struct{}),
		neighbours: make(map[ident.ID]*Neighbour),
		questions:  make(map[uint64]chan<- result),
		surveys:    make(map[uint64]*survey),
		attempts:   newAttempts(),
	}
	d.ctx, d.cancel = context.WithCancel(ctx)
	d.complaints = newComplaints(d.ctx, &cfg)
	d.addresses = net.InterfaceAddrs
	history := max(cfg.Tree.HistoryBytes, 1<<20) // even with no history, the tree keeps some events
	d.verifies = !cfg.Signing.isEmpty()
	d.lagFull, d.lagMost = min(lagFull, history/8), history/8*3
	last := d.file.load(d.ctx, cfg.Memory)
	var err error
	if err = d.program.listen(d.ctx, cfg.Bind); err != nil {
		d.cancel()
		return nil, err
	}
	at := cfg.Advertise(d.program.listening)
	d.hello, d.advertised = at.Hello, at.Addr
	d.backlog.SetPlaces(strangers())
	d.timer = time.AfterFunc(time.Hour, d.tick)
	d.timer.Stop()
	now := time.Now()
	d.epoch = emitter.MomentOf(now)
	membership, tree := cfg.Membership, cfg.Tree
	membership.Anchors, tree.Heard = last.Anchors, last.Heard
	membership.MaxWaiting = strangers()
	cfg.Signing.configure(&tree, d.self)
	d.machine = overlay.New(now, overlay.Config{
		Self: d.self,
		Addr: d.advertised,
		// If a dial of that address reaches this node itself, the node notices it.
		Elsewhere:  at.Elsewhere,
		Seeds:      cfg.Seeds,
		Describe:   d.describe,
		Rand:       rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		Membership: membership,
		Tree:       tree,
	})
	return d, nil
}

// Start begins the life.
func (d *Driver) Start() {
	d.step(func(now time.Time) { d.machine.Start(now, d.out()) })
	d.spawn(d.accept)
	if d.cfg.StateFile != "" {
		d.spawn(d.keepState)
	}
}

// Abort ends a life that has not begun, without waiting.
func (d *Driver) Abort() {
	d.program.startClosing()
	d.cancel()
}
