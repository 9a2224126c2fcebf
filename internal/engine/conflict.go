package engine

import (
	"fmt"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

const (
	// conflictEvery is the least time from one report of a conflict to the next.
	conflictEvery = time.Minute
	// twinAfter is for how long a node lives before events of its ID that are younger
	// than itself show another one. The ages of events are measured, with small
	// errors, and an event of the former life may be on its way for a while.
	twinAfter = 15 * time.Second
)

// conflicts are what one life of a node has noticed of others with its ID.
type conflicts struct {
	reported time.Time // zero: never
	heard    ident.Origin
	first    time.Time // when an event of that life was heard that is younger than this one
}

// note reports a conflict, unless one was just reported. The caller holds mu.
func (c *conflicts) note(d *Driver, found overlay.Conflict) {
	now := time.Now()
	if !c.reported.IsZero() && now.Sub(c.reported) < conflictEvery {
		return
	}
	c.reported = now
	d.counters.Conflicts.Add(1)
	d.afterwards(func() {
		f := logging.Fields{"id": d.self.ID, "addr": found.Addr}
		if !found.Met && !found.By.Peer.ID.IsZero() {
			f["reported by"] = found.By.Addr
		}
		what := "another node with this node's id takes its place with common neighbours: two nodes have one key or id; give each its own"
		if !found.Yields {
			what = "another node with this node's id is alive, and loses its place with common neighbours: two nodes have one key or id; give each its own"
		}
		d.log.Warn(what, f)
	})
	d.host.Conflict(found)
}

// hear looks at an event that another node emitted under this node's ID. What a former
// life of this node emitted comes back from histories; what is younger than this life,
// another node has emitted. The caller holds mu.
func (c *conflicts) hear(d *Driver, e *plumtree.Event) {
	now := time.Now()
	switch {
	case e.Origin.Epoch == d.self.Epoch || now.Sub(d.born) < twinAfter || e.Born() < twinAfter/3:
	case c.heard != e.Origin:
		c.heard, c.first = e.Origin, now
	case now.Sub(c.first) >= time.Second:
		c.note(d, overlay.Conflict{Yields: e.Origin.Epoch > d.self.Epoch})
	}
}

// meetings tells a node that has dialled itself from a copy of it that has the same ID
// and epoch, such as a copy of a running virtual machine, and from one that sends back
// what it gets: when a node dials itself, its HELLO arrives at itself.
type meetings struct {
	mu    sync.Mutex
	dials int    // greetings of dials under way
	met   uint64 // own HELLOs that arrived
}

// begin begins the greeting of a dial, and returns what checkLife needs.
func (m *meetings) begin() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dials++
	return m.met
}

func (m *meetings) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dials--
}

// meet notes that a HELLO of this life arrived at an accepted connection. It reports
// false if this node cannot have sent it, because no handshake of its own is under way.
func (m *meetings) meet() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.met++
	return m.dials > 0
}

// isMet reports whether the node has met itself since begin.
func (m *meetings) isMet(before uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.met > before
}

// checkLife returns an error for a HELLO of this life at the other end of a dial, if
// that is not this node.
func (d *Driver) checkLife(hello *wire.Hello, addr string, met uint64) error {
	if hello.ID != d.self.ID || hello.Epoch != d.self.Epoch || d.meetings.isMet(met) {
		return nil
	}
	if hello.Addr == d.hello && hello.Seen == ident.TellAddr(addr) {
		return &DialError{Addr: addr, Err: fmt.Errorf("%w: it sends back what it gets", handshake.ErrNotSmokesignal)}
	}
	d.meetClone(addr)
	return &DialError{Addr: addr, Err: ErrSameID}
}

// meetClone reports another node with the ID and the epoch of this one. No rule says
// which of the two yields.
func (d *Driver) meetClone(addr string) {
	d.step(func(time.Time) { d.out().Conflict(overlay.Conflict{Addr: addr, Yields: true, Met: true}) })
}
