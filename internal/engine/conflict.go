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
	// conflictEvery is the shortest time between two reports of a conflict.
	conflictEvery = time.Minute
	// twinAfter is how long a node must have run before an event with its ID, emitted
	// after its start, proves that another node has that ID. The ages of events have
	// small errors, and an event of the former life may be in flight for a while.
	twinAfter = 15 * time.Second
)

// conflicts records what one life of a node has learnt about other nodes with its ID.
type conflicts struct {
	reported time.Time // when a conflict was last reported; zero: never
	heard    ident.Origin
	first    time.Time // when the first event of heard arrived that is younger than this life
}

// note reports a conflict, unless one was reported a short time ago. The caller holds mu.
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

// hear examines an event with this node's ID that arrived from another node. Such an
// event may come from the history of a neighbour, if a former life of this node has
// emitted it. But if the event is younger than this life, another node has emitted it.
// The caller holds mu.
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

// meetings decides whether a HELLO with this node's ID and epoch was sent by this node.
// When a node dials itself, its HELLO also arrives at itself. The HELLO does not arrive
// there if the other end is a copy of the node, such as a copy of a running virtual
// machine, or a server that echoes.
type meetings struct {
	mu    sync.Mutex
	dials int    // the number of this node's dials whose handshakes are under way
	met   uint64 // how many of its own HELLOs have arrived at this node
}

// begin records the start of a dial's handshake. It returns the number of own HELLOs so
// far, which is the argument for isMet.
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

// meet records that a HELLO of this life arrived on an accepted connection. It returns
// false if no handshake of a dial of this node is under way, because then this node can't
// have sent the HELLO.
func (m *meetings) meet() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.met++
	return m.dials > 0
}

// isMet reports whether an own HELLO has arrived since the call of begin that returned
// before.
func (m *meetings) isMet(before uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.met > before
}

// checkLife checks a HELLO of this life that the other end of a dial has sent. It returns an
// error if the other end is not this node.
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

// meetClone reports another node with the ID and the epoch of this one. Neither of the two
// yields to the other.
func (d *Driver) meetClone(addr string) {
	d.step(func(time.Time) { d.out().Conflict(overlay.Conflict{Addr: addr, Yields: true, Met: true}) })
}
