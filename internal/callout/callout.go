// Package callout calls functions of the program: resolvers, transports, rules, callbacks of
// TLS. They may hang, panic, or call the node.
//
// So each call runs on a goroutine of its own, without a lock. A panic is recovered. If the
// call has not returned within its time limit, or when the life of the node ends, the node
// no longer waits for it. docs/design.md has the table of
// all callbacks.
package callout

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/callstack"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

const (
	// mostLate is how many calls of one kind may hang that the node has given up on.
	// While there are so many, further calls of that kind fail at once. A guess.
	mostLate = 64

	// mostCalls is how many calls of one kind may run at the same time, so that a callback
	// that triggers itself comes to an end. A guess: twice as many as handshakes, whose
	// calls of Admit may take a moment to return when others take their places.
	mostCalls = 2048

	// LateAfter is how long a call may run after its context has ended. After that, it
	// counts as hanging. A guess.
	LateAfter = 250 * time.Millisecond
)

var (
	// ErrPanicked: a function of the program has panicked. The log has its stack.
	ErrPanicked = errors.New("a function of the program panicked")

	// ErrHangs: a function of the program has not returned. While too many calls of a
	// kind hang, further ones fail at once.
	ErrHangs = errors.New("a function of the program does not return")

	// ErrGoexit: a function of the program has ended its goroutine.
	ErrGoexit = errors.New("it has ended its goroutine with runtime.Goexit")
)

// Kind is a kind of calls. Each kind has its own limits.
type Kind int

// The kinds of calls.
const (
	LookUp Kind = iota // Options.Resolver
	Listen             // Listen, Dial and Accept of Options.Transport
	Dial
	Accept
	Greet // a handshake that runs code of the program
	Admit // Options.Admit
	Close // the Close of a listener or a connection
	State // a read or write of Options.StateFile
	kinds
)

// Calls holds the calls of the program's code in one life of a node. It may be used
// by many goroutines.
type Calls struct {
	log    *logging.Logger
	counts *Counts

	mu      sync.Mutex // guards all below; never held while a call runs
	running map[*Call]struct{}
	count   [kinds]int
	changed chan struct{} // closed when a call has returned or was given up; nil while no Await waits
}

// Call is one call.
type Call struct {
	Kind     Kind
	What     string        // names the call in errors and the log: "Resolver.Lookup(dns://x)"
	Detail   func() string // returns which part of the call runs now, or "" if that is not known; may be nil
	IsOurs   bool          // it is code of this library, which ends with its context; so it is neither counted as hanging nor given up
	done     chan struct{} // closed when it has returned
	err      error         // the result of the call; set before done is closed
	returned bool          // guarded by Calls.mu, as is the next
	isLate   bool          // the caller no longer waits for it
}

// New makes the calls of one life. It adds panics and calls that hang to counts.
func New(log *logging.Logger, counts *Counts) *Calls {
	return &Calls{log: log, counts: counts, running: make(map[*Call]struct{})}
}

// Counts holds the counters that all lives of a node share.
type Counts struct {
	Panics  atomic.Uint64
	GivenUp atomic.Uint64
	late    [kinds]atomic.Int64 // calls that were given up and have not returned
}

// Hanging returns how many calls were given up and have not returned.
func (c *Counts) Hanging() (n int) {
	for kind := range c.late {
		n += int(c.late[kind].Load())
	}
	return n
}

// callsKey finds the Calls of a life in its context.
type callsKey struct{}

// Context returns a context in which Of finds the calls.
func (o *Calls) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, callsKey{}, o)
}

// Of returns the Calls of a context, or nil if it has none.
func Of(ctx context.Context) *Calls {
	o, _ := ctx.Value(callsKey{}).(*Calls)
	return o
}

// Ask runs fn and returns its results. Unless fn is code of this library, it runs on a
// goroutine of its own. Ask gives the call up a moment after ctx ends, and returns the
// error of ctx. If a call that was given up returns a value later, Ask passes the value to
// undo, which may be nil.
func Ask[T any](ctx context.Context, o *Calls, c *Call, fn func(context.Context) (T, error), undo func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if c.IsOurs {
		return Inline(ctx, o, c.What, fn)
	}
	return apart(ctx, o, c, fn, undo)
}

// Inline runs code of this library, which ends with ctx, on the goroutine of the caller.
// That costs a tenth of what [apart] costs. If fn calls code of the program, it must use
// Ask.
func Inline[T any](ctx context.Context, o *Calls, what string, fn func(context.Context) (T, error)) (value T, err error) {
	finished := false
	defer func() {
		if finished {
			return
		}
		if panicked := recover(); panicked != nil {
			err = o.panicked(what, panicked)
		}
	}()
	value, err = fn(ctx)
	finished = true
	return value, err
}

// apart is Ask for code of the program.
func apart[T any](ctx context.Context, o *Calls, c *Call, fn func(context.Context) (T, error), undo func(T)) (T, error) {
	var none, value T
	if err := o.begin(c); err != nil {
		return none, err
	}
	// Owned by this life. It ends when the program's function returns. The caller waits for
	// it until ctx ends, and Await until Shutdown ends.
	go o.run(c, func() (err error) {
		value, err = fn(ctx)
		return err
	}, func() {
		if undo != nil {
			undo(value)
		}
	})
	select {
	case <-c.done:
		return value, c.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(LateAfter)
	defer grace.Stop()
	select {
	case <-c.done:
		return value, c.err
	case <-grace.C:
	}
	if o.giveUp(c) {
		return none, ctx.Err()
	}
	<-c.done
	return value, c.err
}

// Do runs fn on the goroutine of the caller, which may block. When ctx ends, the call
// counts as hanging.
func (o *Calls) Do(ctx context.Context, c *Call, fn func() error) error {
	if err := o.begin(c); err != nil {
		return err
	}
	late := context.AfterFunc(ctx, func() {
		select {
		case <-c.done:
		case <-time.After(LateAfter):
			o.giveUp(c)
		}
	})
	defer late()
	o.run(c, fn, func() {})
	return c.err
}

// Start runs fn on a goroutine of its own. Only Await waits for that goroutine.
func (o *Calls) Start(c *Call, fn func() error) {
	o.mu.Lock()
	o.add(c)
	o.mu.Unlock()
	// Owned by this life. It ends when the program's function returns, and Await waits for
	// it.
	go o.run(c, fn, func() {})
}

// run runs fn, records the result of the call and closes done.
func (o *Calls) run(c *Call, fn func() error, undo func()) {
	err := ErrGoexit
	defer func() {
		if value := recover(); value != nil {
			err = o.panicked(c.What, value)
		} else if err == ErrGoexit {
			err = o.panicked(c.What, ErrGoexit)
		}
		c.err = err
		late := o.end(c)
		if late && err == nil {
			o.undo(c, undo)
		}
		o.forget(c)
		close(c.done)
	}()
	err = fn()
}

// undo closes the result of a call that was given up.
func (o *Calls) undo(c *Call, undo func()) {
	defer func() {
		if value := recover(); value != nil {
			o.panicked(c.What, value)
		}
	}()
	undo()
}

// panicked counts and logs a panic, and returns it as an error. It is called while the
// stack that panicked is still there.
func (o *Calls) panicked(what string, value any) error {
	o.counts.Panics.Add(1)
	o.log.About(what).Error("a function of the program panicked", logging.Fields{
		"of": what, "panic": fmt.Sprint(value), "stack": string(debug.Stack())})
	return fmt.Errorf("%s: %w: %v", what, ErrPanicked, value)
}

// begin counts a call, unless too many run.
func (o *Calls) begin(c *Call) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	late := o.counts.late[c.Kind].Load()
	if c.Kind != Admit && late >= mostLate || o.count[c.Kind] >= mostCalls {
		return fmt.Errorf("%s: %w: %d calls run", c.What, ErrHangs, max(int(late), o.count[c.Kind]))
	}
	o.add(c)
	return nil
}

// add adds a call. The caller holds mu.
func (o *Calls) add(c *Call) {
	c.done = make(chan struct{})
	o.running[c] = struct{}{}
	o.count[c.Kind]++
}

// giveUp records that the caller no longer waits for a call. It returns false if the call
// has returned already.
func (o *Calls) giveUp(c *Call) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.returned {
		return false
	}
	c.isLate = true
	o.stir()
	o.counts.late[c.Kind].Add(1)
	o.counts.GivenUp.Add(1)
	o.log.About(c.What).Warn("a function of the program does not return; the node goes on without", logging.Fields{"of": c.What})
	return true
}

// end records that a call has returned, and reports whether it was given up.
func (o *Calls) end(c *Call) (late bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.returned = true
	return c.isLate
}

// forget removes a call from the list.
func (o *Calls) forget(c *Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.isLate {
		o.counts.late[c.Kind].Add(-1)
	}
	delete(o.running, c)
	o.count[c.Kind]--
	o.stir()
}

// stir wakes Await, which then checks again. The caller holds mu.
func (o *Calls) stir() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// Await waits until all calls have returned or were given up, or until ctx ends.
func (o *Calls) Await(ctx context.Context) {
	for {
		o.mu.Lock()
		if !o.isAwaited() {
			o.mu.Unlock()
			return
		}
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// isAwaited reports whether a call runs that was not given up. The caller holds mu.
func (o *Calls) isAwaited() bool {
	for c := range o.running {
		if !c.isLate {
			return true
		}
	}
	return false
}

// Has reports whether a call of that kind runs.
func (o *Calls) Has(kind Kind) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[kind] > 0
}

// Names returns the names of the calls that run, sorted.
func (o *Calls) Names() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for c := range o.running {
		what := c.What
		if c.Detail != nil {
			if now := c.Detail(); now != "" {
				what = now
			}
		}
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// Protect runs fn on the goroutine of the caller. If fn panics, Protect returns an error.
func (o *Calls) Protect(what string, fn func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = o.panicked(what, value)
		}
	}()
	fn()
	return nil
}

// Finished returns a channel that is closed when the call has returned.
func (c *Call) Finished() <-chan struct{} { return c.done }

var (
	pkgPath = reflect.TypeFor[Calls]().PkgPath()
	frames  = []string{pkgPath + ".(*Calls).run", pkgPath + ".(*Conn).", pkgPath + ".tryConn."}
)

// Inside reports whether the caller is a function of the program that this package has
// called. It costs microseconds.
func Inside() bool { return callstack.Has(frames...) }
