package engine

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/untaken"
)

// Driver is one life of a node. It owns the machine, and connects it to a network and a
// clock. Readers, writers, dials and the timer call step, one at a time. Any goroutine
// may call the methods of a Driver, unless their comments say otherwise.
//
// The machine's actions are recorded during a step and performed at its end, under the
// same lock. Control frames are encoded into the outboxes of links, the writers of links
// with waiting events are woken, and events and hooks are queued for the handlers. None
// of these actions blocks.
type Driver struct {
	cfg        Config // does not change
	host       Host
	events     *emitter.Emitter
	counters   *Counters
	refusals   *Refusals
	log        *logging.Logger
	complaints *complaints
	program    *program
	file       *stateFile
	self       ident.Origin
	hello      string // the address in this node's HELLO; ":port" if peers see the host better than this node
	// addresses is net.InterfaceAddrs, except in tests. It may be slow, so it must not be
	// called with mu held.
	addresses func() ([]net.Addr, error)

	born  time.Time
	epoch emitter.Moment // when the machine was made; the times of events count from it

	ctx     context.Context // this context ends with this life
	cancel  context.CancelFunc
	running sync.WaitGroup // all goroutines of this life
	own     untaken.Events // the events of this node that no neighbour has taken

	meetings meetings // how often this life has met itself in a handshake
	backlog  handshake.Backlog

	mu          sync.Mutex // guards all fields below; never held during I/O or a handler
	machine     *overlay.Machine
	links       map[ident.Link]*link
	conns       map[*link]struct{}  // all links, and ended links whose connections have not ended
	formerConns callout.FormerConns // connections of links that have ended
	neighbours  map[ident.ID]*Neighbour
	met         []*Neighbour // neighbours, and former ones whose handlers are still busy
	lastLink    ident.Link
	bringers    bringers
	advertised  string
	sightings   []sighting // oldest first
	conflicts   conflicts
	stopping    bool
	hasLeft     bool   // this node has said goodbye
	missed      uint64 // number of events of other nodes that will never arrive
	isSplit     bool   // a netsplit was found and has not healed
	pressure           // the events that wait for links and handlers
	attempts           // the dials and look-ups of this life

	woken     []*link                  // links whose writers must write after this step
	batch     []emitter.Run            // events that this step queues for the handlers
	postponed []func()                 // calls to make at the end of this step; see afterwards
	questions map[uint64]chan<- result // calls of Add and Count that wait for an answer, by token
	surveys   map[uint64]*survey       // the entries of questions that are surveys, by token
	lastToken uint64                   // the last token that was used

	timer *time.Timer
	armed time.Time // when the timer fires; zero: it does not
}

// Listening returns the address on which the node listens.
func (d *Driver) Listening() string { return d.program.listening }

// Advertised returns the address that this node sends to others. It is empty if this node
// can't be dialled.
func (d *Driver) Advertised() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.advertised
}

// Context returns a context that ends with this life.
func (d *Driver) Context() context.Context { return d.ctx }

// result is the answer to a call that the overlay answers later.
type result struct {
	err      error
	nodes    uint64
	complete bool
}

// step calls the machine and performs the actions that the machine records.
func (d *Driver) step(call func(now time.Time)) { d.stepThen((*link).writeSoon, call) }

// stepThen does what step does. The caller chooses how links are written.
func (d *Driver) stepThen(write func(*link), call func(now time.Time)) {
	d.mu.Lock()
	defer d.unlock(write)
	if d.machine == nil {
		return
	}
	now := time.Now()
	call(now)
	d.settle(now)
}

// afterwards postpones a call, for example of the log, until mu is unlocked. The caller
// holds mu.
func (d *Driver) afterwards(do func()) { d.postponed = append(d.postponed, do) }

// unlock unlocks mu, writes the links that have data to write, and makes the postponed
// calls. write is link.writeNow or link.writeSoon.
func (d *Driver) unlock(write func(*link)) {
	var array [16]*link // enough for most nodes, without an allocation
	woken := append(array[:0], d.woken...)
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

// settle ends a step: it measures the links, queues the batch, and arms the timer. The
// caller holds mu.
func (d *Driver) settle(now time.Time) {
	d.measure(now)
	d.flushBatch()
	d.arm(now)
}

// arm sets the timer to the machine's deadline. If the deadline has become later, the
// timer stays: it fires, finds no work, and is set again.
func (d *Driver) arm(now time.Time) {
	at, ok := d.machine.Deadline()
	if !ok || !d.armed.IsZero() && !at.Before(d.armed) {
		return
	}
	d.armed = at
	d.timer.Reset(max(at.Sub(now), 0))
}

// tick is called by the timer, on a goroutine of the runtime. stop waits for it by locking mu.
func (d *Driver) tick() {
	d.stepThen((*link).writeNow, func(now time.Time) {
		d.armed = time.Time{}
		if at, ok := d.machine.Deadline(); ok && !at.After(now) {
			d.machine.Advance(now, d.out())
		}
	})
}

// spawn runs f on a goroutine of this life. Owner: the driver. The goroutine ends with
// ctx or when its connection is closed, and stop waits for it.
func (d *Driver) spawn(f func()) { d.running.Go(f) }

// isOpen reports whether the node runs and is not stopping. The caller holds mu.
func (d *Driver) isOpen() bool { return d.machine != nil && !d.stopping }

// ask calls begin, which sends the machine a question, and waits for the answer. The
// machine answers later.
func (d *Driver) ask(ctx context.Context, begin func(now time.Time, token uint64)) (result, error) {
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	answer := make(chan result, 1)
	var token uint64
	open := false
	d.step(func(now time.Time) {
		if open = d.isOpen(); open {
			d.lastToken++
			token = d.lastToken
			d.questions[token] = answer
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
		delete(d.questions, token)
		delete(d.surveys, token)
		d.mu.Unlock()
		return result{}, ctx.Err()
	case <-d.ctx.Done():
		return result{}, ErrStopped
	}
}

func (d *Driver) answer(token uint64, r result) {
	if c, ok := d.questions[token]; ok {
		delete(d.questions, token)
		delete(d.surveys, token)
		c <- r
	}
}

// Emit broadcasts the body of an event. It waits until the links and the other nodes have
// room for it. Errors: [ErrStopped], the error of ctx.
func (d *Driver) Emit(ctx context.Context, body []byte) error {
	if err := d.awaitCapacity(ctx, true); err != nil {
		return err
	}
	defer d.unlock((*link).writeSoon)
	if !d.isOpen() {
		return ErrStopped
	}
	now := time.Now()
	// This must precede Emit, because a writer may write the event before Emit returns.
	d.own.Add(d.machine.Emitted()+1, now)
	seq := d.machine.Emit(now, body, d.out())
	d.echo(now, seq, body)
	d.settle(now)
	return nil
}
