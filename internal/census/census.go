// Package census counts the nodes of an overlay.
//
// It is the echo algorithm (Chang, 1982): the question floods; each node waits
// for all its neighbours but the one that asked first, then answers that one
// with the sum. Between two nodes that both had the question already, the two
// questions are each other's answer. A count costs two small frames a link and
// is exact while no link changes; whoever waits too long answers with what it
// has.
//
// [Census] is the machine. It does no I/O, and one goroutine at a time may use it.
package census

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// Out takes what a [Census] wants done. Its methods only note it down.
type Out interface {
	Send(ident.Link, Message)
	// Counted ends a count that Start began; complete is false if some answers
	// did not come in time.
	Counted(token, nodes uint64, complete bool)
}

const (
	answerIn   = 4 * time.Second        // wait of the node that counts
	perHop     = 200 * time.Millisecond // by which each node waits less than who asked it, so that its answer still arrives
	leastWait  = 100 * time.Millisecond
	maxQueries = 64      // counts that pass through a node at one time
	maxNodes   = 1 << 40 // more than that is a lie
)

// Census is the machine.
type Census struct {
	self    ident.ID
	links   []ident.Link
	queries []*query // oldest first
	last    uint64
}

type query struct {
	origin  ident.ID
	number  uint64
	token   uint64
	parent  ident.Link // 0: it is ours
	waiting []ident.Link
	nodes   uint64
	expires time.Time
	partial bool // some answer was
	done    bool // answered; kept so that late questions are recognised
}

// New makes the machine of one node.
// The numbers of counts go on from the epoch, so that they never repeat.
func New(self ident.Origin) *Census { return &Census{self: self.ID, last: self.Epoch} }

// LinkUp takes a new neighbour.
func (c *Census) LinkUp(id ident.Link) { c.links = append(c.links, id) }

// LinkDown takes the end of a neighbour; nobody waits for it any more.
func (c *Census) LinkDown(id ident.Link, out Out) {
	c.links = slices.DeleteFunc(c.links, func(l ident.Link) bool { return l == id })
	for _, q := range c.queries {
		if slices.Contains(q.waiting, id) {
			q.partial = true
			c.answered(q, id, 0, out)
		}
	}
}

// Start begins a count. The result comes by Out.Counted, with the token.
func (c *Census) Start(now time.Time, token uint64, out Out) {
	c.last++
	q := c.begin(c.self, c.last, 0, now.Add(answerIn), out)
	q.token = token
	c.ask(q, answerIn, out)
}

func (c *Census) begin(o ident.ID, number uint64, parent ident.Link, expires time.Time, out Out) *query {
	if len(c.queries) >= maxQueries {
		// The oldest ends early. Nobody's count is left without an answer.
		if q := c.queries[0]; !q.done {
			c.reply(q, false, out)
		}
		c.queries = slices.Delete(c.queries, 0, 1)
	}
	q := &query{origin: o, number: number, parent: parent, nodes: 1, expires: expires}
	c.queries = append(c.queries, q)
	return q
}

func (c *Census) ask(q *query, wait time.Duration, out Out) {
	for _, l := range c.links {
		if l != q.parent {
			q.waiting = append(q.waiting, l)
			out.Send(l, &Count{Query: q.number, Origin: q.origin, Wait: wait})
		}
	}
	c.finish(q, out)
}

func (c *Census) answered(q *query, id ident.Link, nodes uint64, out Out) {
	at := slices.Index(q.waiting, id)
	if at < 0 || q.done {
		return
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	q.nodes = min(q.nodes+min(nodes, maxNodes), maxNodes)
	c.finish(q, out)
}

func (c *Census) finish(q *query, out Out) {
	if q.done || len(q.waiting) > 0 {
		return
	}
	c.reply(q, !q.partial, out)
}

func (c *Census) reply(q *query, complete bool, out Out) {
	q.done = true
	if q.parent == 0 {
		out.Counted(q.token, q.nodes, complete)
		return
	}
	if slices.Contains(c.links, q.parent) { // else nobody waits for it
		out.Send(q.parent, &CountReply{Query: q.number, Origin: q.origin, Partial: !complete, Nodes: q.nodes})
	}
}

func (c *Census) find(o ident.ID, number uint64) *query {
	for _, q := range c.queries {
		if q.origin == o && q.number == number {
			return q
		}
	}
	return nil
}

// Handle takes a frame that came on a link of a neighbour.
func (c *Census) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	if !slices.Contains(c.links, id) {
		return
	}
	switch m := msg.(type) {
	case *Count:
		q := c.find(m.Origin, m.Query)
		switch {
		case q == nil && m.Origin == c.self: // from before: nobody waits for it
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		case q == nil:
			wait := min(max(m.Wait-perHop, leastWait), answerIn)
			c.ask(c.begin(m.Origin, m.Query, id, now.Add(wait), out), wait, out)
		case slices.Contains(q.waiting, id):
			c.answered(q, id, 0, out)
		case id != q.parent:
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		}
	case *CountReply:
		if q := c.find(m.Origin, m.Query); q != nil {
			q.partial = q.partial || m.Partial
			c.answered(q, id, m.Nodes, out)
		}
	}
}

// Advance answers what has waited too long, and forgets what is long done.
func (c *Census) Advance(now time.Time, out Out) {
	for _, q := range c.queries {
		if !q.done && !now.Before(q.expires) {
			c.reply(q, false, out)
		}
	}
	c.queries = slices.DeleteFunc(c.queries, func(q *query) bool {
		return q.done && now.Sub(q.expires) >= answerIn
	})
}

// Deadline is when Advance is wanted next.
func (c *Census) Deadline() (at time.Time, ok bool) {
	for _, q := range c.queries {
		t := q.expires
		if q.done {
			t = t.Add(answerIn)
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}
