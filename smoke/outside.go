package smoke

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// The program's code (resolvers, transports, rules, callbacks of TLS) may hang, panic,
// or call the node. So each call runs on a goroutine that only the call needs: with no
// lock held, recovered, and given up when its bound or the life of the node ends.
// docs/design.md has the table of all callbacks.

const (
	// mostLate is how many calls of one kind may hang that the node has given up on.
	// While there are so many, further calls of that kind fail at once. A guess.
	mostLate = 64

	// mostCalls is how many calls of one kind may run at the same time, so that a
	// callback that causes itself comes to an end. A guess.
	mostCalls = 1024

	// lateAfter is for how long a call may go on after its context has ended, until it
	// counts as one that hangs. A guess.
	lateAfter = 250 * time.Millisecond

	stateWithin  = 5 * time.Second  // a read or write of Options.StateFile
	listenWithin = 30 * time.Second // Transport.Listen
)

var (
	// ErrPanicked: a function of the program, such as Options.Resolver, has panicked.
	// The log has its stack.
	ErrPanicked = errors.New("a function of the program panicked")

	// ErrHangs: a function of the program, such as Options.Resolver, has not returned.
	// The node goes on without; while too many calls hang, it makes no further ones.
	ErrHangs = errors.New("a function of the program does not return")

	errGoexit = errors.New("it has ended its goroutine with runtime.Goexit")
)

// callKind is what calls are counted by.
type callKind int

const (
	callLookUp callKind = iota
	callListen
	callDial
	callAccept
	callGreet
	callAdmit
	callClose
	callState
	callKinds
)

// outside holds the calls of the program's code in one life of a node. It may be used
// by many goroutines.
type outside struct {
	node *Node

	mu      sync.Mutex // guards all below; never held while a call runs
	running map[*outCall]struct{}
	count   [callKinds]int
	changed chan struct{} // closed when a call has returned or was given up; nil while no await waits
}

// outCall is one call.
type outCall struct {
	kind     callKind
	what     string        // for errors and the log: "Resolver.Lookup(dns://x)"
	detail   func() string // what of it runs now; "" if that is not known. May be nil
	isOurs   bool          // it is code of ours, which ends with its context: it is neither counted nor given up
	done     chan struct{} // closed when it has returned
	err      error         // written before that
	returned bool          // guarded by outside.mu, as is the next
	isLate   bool          // its caller has given it up
}

func newOutside(n *Node) *outside {
	return &outside{node: n, running: make(map[*outCall]struct{})}
}

// lifeKey finds the outside of a life in its context.
type lifeKey struct{}

// ask runs fn, on a goroutine of its own unless it is code of ours, and returns what it
// returns. It gives the call up a moment after the end of ctx, and returns the error of ctx. If a call that
// was given up returns a value after all, undo gets it; undo may be nil.
func ask[T any](ctx context.Context, o *outside, c *outCall, fn func(context.Context) (T, error), undo func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if c.isOurs {
		return inline(ctx, o, c.what, fn)
	}
	return apart(ctx, o, c, fn, undo)
}

// inline runs code of ours, which ends with ctx, on the goroutine of the caller: that
// costs a tenth of what [apart] does. What of the program it calls, it asks.
func inline[T any](ctx context.Context, o *outside, what string, fn func(context.Context) (T, error)) (value T, err error) {
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

// apart is ask for code of the program.
func apart[T any](ctx context.Context, o *outside, c *outCall, fn func(context.Context) (T, error), undo func(T)) (T, error) {
	var none, value T
	if err := o.begin(c); err != nil {
		return none, err
	}
	// Owned by this life. The program's function ends it; the caller waits for it to
	// the end of ctx, and outside.await to that of Shutdown.
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
	grace := time.NewTimer(lateAfter)
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

// do runs fn on the goroutine of the caller, which may wait for it. With the end of ctx
// the call counts as one that hangs.
func (o *outside) do(ctx context.Context, c *outCall, fn func() error) error {
	if err := o.begin(c); err != nil {
		return err
	}
	late := context.AfterFunc(ctx, func() {
		select {
		case <-c.done:
		case <-time.After(lateAfter):
			o.giveUp(c)
		}
	})
	defer late()
	o.run(c, fn, func() {})
	return c.err
}

// start runs fn on a goroutine of its own that nothing waits for but await.
func (o *outside) start(c *outCall, fn func() error) {
	o.mu.Lock()
	o.add(c)
	o.mu.Unlock()
	// Owned by this life; the program's function ends it, and await waits for it.
	go o.run(c, fn, func() {})
}

// run is a call, from its begin to its end.
func (o *outside) run(c *outCall, fn func() error, undo func()) {
	err := errGoexit
	defer func() {
		if value := recover(); value != nil {
			err = o.panicked(c.what, value)
		} else if err == errGoexit {
			err = o.panicked(c.what, errGoexit)
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

// undo closes what a call has made that was given up.
func (o *outside) undo(c *outCall, undo func()) {
	defer func() {
		if value := recover(); value != nil {
			o.panicked(c.what, value)
		}
	}()
	undo()
}

// panicked counts and logs a panic, and returns it as an error. It is called while the
// stack that panicked is still there.
func (o *outside) panicked(what string, value any) error {
	o.node.counters.callPanics.Add(1)
	o.node.log.About(what).Error("a function of the program panicked", logging.Fields{
		"of": what, "panic": fmt.Sprint(value), "stack": string(debug.Stack())})
	return fmt.Errorf("%s: %w: %v", what, ErrPanicked, value)
}

// begin counts a call, unless too many run.
func (o *outside) begin(c *outCall) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	late := o.node.counters.callsLate[c.kind].Load()
	if c.kind != callAdmit && late >= mostLate || o.count[c.kind] >= mostCalls {
		return fmt.Errorf("%s: %w: %d calls run", c.what, ErrHangs, max(int(late), o.count[c.kind]))
	}
	o.add(c)
	return nil
}

// add adds a call. The caller holds mu.
func (o *outside) add(c *outCall) {
	c.done = make(chan struct{})
	o.running[c] = struct{}{}
	o.count[c.kind]++
}

// giveUp notes that nothing waits for a call any more. It reports false if the call has
// returned.
func (o *outside) giveUp(c *outCall) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.returned {
		return false
	}
	c.isLate = true
	o.stir()
	o.node.counters.callsLate[c.kind].Add(1)
	o.node.counters.callsGivenUp.Add(1)
	o.node.log.About(c.what).Warn("a function of the program does not return; the node goes on without", logging.Fields{"of": c.what})
	return true
}

// end notes that a call has returned, and reports whether it was given up.
func (o *outside) end(c *outCall) (late bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.returned = true
	return c.isLate
}

// forget takes a call off the list.
func (o *outside) forget(c *outCall) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.isLate {
		o.node.counters.callsLate[c.kind].Add(-1)
	}
	delete(o.running, c)
	o.count[c.kind]--
	o.stir()
}

// stir has await look again. The caller holds mu.
func (o *outside) stir() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// await waits until no call runs any more but those that were given up, or for the end of
// ctx.
func (o *outside) await(ctx context.Context) {
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
func (o *outside) isAwaited() bool {
	for c := range o.running {
		if !c.isLate {
			return true
		}
	}
	return false
}

// has reports whether a call of that kind runs.
func (o *outside) has(kind callKind) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[kind] > 0
}

// names returns what runs, sorted.
func (o *outside) names() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for c := range o.running {
		what := c.what
		if c.detail != nil {
			if now := c.detail(); now != "" {
				what = now
			}
		}
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// protect runs fn on the goroutine of the caller, who asked for it, and makes an error of
// its panic.
func (o *outside) protect(what string, fn func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = o.panicked(what, value)
		}
	}()
	fn()
	return nil
}
