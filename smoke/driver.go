package smoke

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/untaken"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// driver is one life of a node: it owns the machine, and gives it a network and
// a clock. Readers, writers, dials and the timer call step, one at a time.
//
// What the machine wants is noted down during the call and carried out at its
// end, under the same lock: control frames are encoded into the outboxes of links,
// links that have events to send are woken, events and hooks are queued for the
// handlers. None of that waits.
type driver struct {
	shared
	opts      Options
	transport transport.Transport
	resolver  discovery.Resolver
	guard     *trust.Guard // nil: links are plaintext
	log       *logging.Logger
	misfits   mismatches
	self      ident.Origin
	listener  net.Listener
	listening string         // the address of listener
	outside   *callout.Calls // calls of the program's code
	hello     string         // the address in our HELLO; ":port" if peers see it better than we do
	// net.InterfaceAddrs, but in tests. Not called with mu held: it may take its time.
	addresses func() ([]net.Addr, error)

	born  time.Time
	epoch emitter.Moment // when the machine was made

	saved   state           // in the StateFile; keepState's, then stop's
	ctx     context.Context // ends with this life
	cancel  context.CancelFunc
	running sync.WaitGroup // every goroutine of this life
	ended   chan struct{}  // closed when Shutdown has ended this life
	own     untaken.Events // those of this node that no neighbour has taken

	meetings meetings // of this life with itself
	backlog  handshake.Backlog

	mu          sync.Mutex // guards all below; never held across I/O or a handler
	machine     *overlay.Machine
	links       map[ident.Link]*link
	conns       map[*link]struct{}  // links, and former ones whose connections have not ended
	formerConns callout.FormerConns // of links that have ended
	peers       []*Peer             // neighbours, and those gone whose handlers are still busy
	lastLink    ident.Link
	bringers    bringers
	advertised  string
	sightings   []sighting // oldest first
	conflicts   conflicts
	stopping    bool
	hasLeft     bool     // it has said goodbye
	missed      uint64   // events of others that will not come
	isSplit     bool     // a netsplit was found, and is not over
	shutOut     *Refusal // nil: this node is not refused everywhere
	refusedFor  int      // the reason of the last refusal; see newRefusal
	pressure             // what waits, and who is held up
	attempts             // to reach others

	woken     []*link                  // whose writers this step has given something to do
	batch     []emitter.Run            // deliveries of this step
	postponed []func()                 // see afterwards
	calls     map[uint64]chan<- result // Add and Count under way
	surveys   map[uint64]*survey       // those of calls that are surveys
	lastCall  uint64

	timer *time.Timer
	armed time.Time // when the timer fires; zero: it does not
}

// result answers a call that goes through the overlay.
type result struct {
	err      error
	nodes    uint64
	complete bool
}

// step calls the machine, and carries out what it wants.
func (d *driver) step(call func(now time.Time)) { d.stepThen((*link).writeSoon, call) }

// stepThen is step with one of the two ways in which links are written.
func (d *driver) stepThen(write func(*link), call func(now time.Time)) {
	d.mu.Lock()
	defer d.unlock(write)
	if d.machine == nil {
		return
	}
	now := time.Now()
	call(now)
	d.settle(now)
}

// afterwards notes something down that may wait, such as writing to a log, to
// be done when mu is free. The caller holds mu.
func (d *driver) afterwards(do func()) { d.postponed = append(d.postponed, do) }

// unlock gives mu back, has the links written for which there is something, and
// does what was postponed. write is one of link.writeNow and link.writeSoon.
func (d *driver) unlock(write func(*link)) {
	var room [16]*link // more than most nodes have
	woken := append(room[:0], d.woken...)
	clear(d.woken)
	d.woken = d.woken[:0]
	postponed := d.postponed
	d.postponed = nil
	d.mu.Unlock()
	for _, l := range woken {
		write(l)
	}
	for _, do := range postponed {
		do()
	}
}

// settle ends a step. The caller holds mu.
func (d *driver) settle(now time.Time) {
	d.measure(now)
	if len(d.batch) > 0 {
		d.events.PushBatch(d.batch)
		clear(d.batch)
		d.batch = d.batch[:0]
	}
	d.arm(now)
}

// arm sets the timer to the machine's deadline. A deadline that moved back is
// left to the timer: it fires, finds nothing due, and is set again.
func (d *driver) arm(now time.Time) {
	at, ok := d.machine.Deadline()
	if !ok || !d.armed.IsZero() && !at.Before(d.armed) {
		return
	}
	d.armed = at
	d.timer.Reset(max(at.Sub(now), 0))
}

// tick is the timer's. It runs on a goroutine of the runtime, which stop waits
// for by taking mu.
func (d *driver) tick() {
	d.stepThen((*link).writeNow, func(now time.Time) {
		d.armed = time.Time{}
		if at, ok := d.machine.Deadline(); ok && !at.After(now) {
			d.machine.Advance(now, d)
		}
	})
}

// spawn runs f on a goroutine of this life: the driver owns it, ctx and the
// closing of connections end it, stop waits for it.
func (d *driver) spawn(f func()) { d.running.Go(f) }

// isOpen reports whether the node runs and is not stopping. The caller holds mu.
func (d *driver) isOpen() bool { return d.machine != nil && !d.stopping }

// call makes the machine do something that is answered later, and waits for
// the answer.
func (d *driver) call(ctx context.Context, begin func(now time.Time, token uint64)) (result, error) {
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	answer := make(chan result, 1)
	var token uint64
	open := false
	d.step(func(now time.Time) {
		if open = d.isOpen(); open {
			d.lastCall++
			token = d.lastCall
			d.calls[token] = answer
			begin(now, token)
		}
	})
	if !open {
		return result{}, ErrStopped
	}
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		d.mu.Lock()
		delete(d.calls, token)
		delete(d.surveys, token)
		d.mu.Unlock()
		return result{}, ctx.Err()
	case <-d.ctx.Done():
		return result{}, ErrStopped
	}
}

func (d *driver) answer(token uint64, r result) {
	if c, ok := d.calls[token]; ok {
		delete(d.calls, token)
		delete(d.surveys, token)
		c <- r
	}
}

// emit broadcasts a body, when there is room for it.
func (d *driver) emit(ctx context.Context, body []byte) error {
	if err := d.awaitRoom(ctx, true); err != nil {
		return err
	}
	defer d.unlock((*link).writeSoon)
	if !d.isOpen() {
		return ErrStopped
	}
	now := time.Now()
	// Before Emit: a writer that runs may have written the event when Emit returns.
	d.own.Add(d.machine.Emitted()+1, now)
	seq := d.machine.Emit(now, body, d)
	d.echo(now, seq, body)
	d.settle(now)
	return nil
}

// deliver queues events for the handlers.
func (d *driver) deliver(e *plumtree.Event) {
	d.batch = append(d.batch, d.runOf(e))
}
