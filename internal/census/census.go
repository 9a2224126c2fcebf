// Package census counts the nodes of an overlay, and collects a digest of each.
//
// It uses the echo algorithm (Chang, 1982). The question floods. Each node waits for
// the answers of all neighbours other than its parent, the one that asked first. It
// then sends the sum to its parent. If two nodes that already have the question send it
// to each other, each question counts as the other's answer. A count costs two small
// frames per link and is exact if no link changes meanwhile. A node that waits too long
// answers with the sum it has.
//
// A survey is a count in which each node also sends a digest of itself. Digests do not
// wait for the sum: each node forwards them to its parent within 20 ms, a few per
// frame. The asking node thus receives the digests of live nodes even if others never
// answer. A node sends its digest only if asked.
//
// [Census] does no I/O. Only one goroutine at a time may use it.
package census

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Out receives the actions of a [Census]. Its methods only record them.
type Out interface {
	Send(ident.Link, Message)
	// Counted ends a count that Start began. complete is false if some answers did not
	// arrive in time.
	Counted(token, nodes uint64, complete bool)
	// Digests delivers digests of a survey, each once, before Counted.
	Digests(token uint64, digests []Digest)
}

const (
	answerIn   = 4 * time.Second        // how long the node that counts waits
	perHop     = 200 * time.Millisecond // each node waits this much less than its parent, so that its answer still arrives in time
	leastWait  = 100 * time.Millisecond
	surveyIn   = 1500 * time.Millisecond // answerIn for a survey: dashboards repeat it often
	gather     = 20 * time.Millisecond   // how long digests wait for more to share a frame
	maxQueries = 64                      // most counts that pass through a node at a time; see makeRoom
	maxPast    = 8192                    // most finished counts that are remembered, to recognise late copies; see makeRoom
	maxNodes   = 1 << 40                 // a larger answer is a lie

	// A neighbour may begin or forward this many counts, because each one is flooded. A
	// survey counts as four. Beyond that, the neighbour gets a partial answer. A guess:
	// enough for some dozens of nodes that count, or for a handful of dashboards.
	countsPerSecond = 32
	countsAtOnce    = 64
	surveyCost      = 4
)

// Census is the state of one node. See the package comment for its rules of use.
type Census struct {
	self     ident.ID
	describe func() Digest
	links    []link
	queries  []*query              // oldest first
	past     map[countKey]struct{} // the latest counts that began here; only looked up, never iterated
	order    []pastCount           // the keys of past, oldest first
	last     uint64
}

// countKey identifies a count.
type countKey struct {
	origin ident.ID
	number uint64
}

// pastCount is a count that began here, and the link that brought it; 0: this node.
type pastCount struct {
	countKey
	by ident.Link
}

type link struct {
	id     ident.Link
	counts *rate.Limiter // limits the counts that the neighbour begins or forwards
}

type query struct {
	origin  ident.ID
	number  uint64
	token   uint64
	parent  ident.Link // 0: this node began the count
	waiting []ident.Link
	nodes   uint64
	wants   uint64    // how many more digests the parent accepts
	queued  []Digest  // digests that wait to be sent to the parent
	flushAt time.Time // when to send queued
	expires time.Time
	partial bool // an answer was partial or missing
	done    bool // answered; kept to recognise late questions
}

// New returns the Census of one node. describe returns the digest of that node. Count
// numbers start at the epoch, so they never repeat across lives.
func New(self ident.Origin, describe func() Digest) *Census {
	return &Census{self: self.ID, describe: describe, last: self.Epoch, past: make(map[countKey]struct{})}
}

// LinkUp adds a neighbour.
func (c *Census) LinkUp(id ident.Link) {
	c.links = append(c.links, link{id, rate.NewLimiter(countsPerSecond, countsAtOnce)})
}

// LinkDown removes a neighbour. Counts no longer wait for its answer.
func (c *Census) LinkDown(id ident.Link, out Out) {
	c.links = slices.DeleteFunc(c.links, func(l link) bool { return l.id == id })
	for _, q := range c.queries {
		if slices.Contains(q.waiting, id) {
			q.partial = true
			c.takeAnswer(q, id, 0, out)
		}
	}
}

// Start begins a count. Out.Counted returns the result with the token.
func (c *Census) Start(now time.Time, token uint64, out Out) { c.start(now, token, answerIn, 0, out) }

// Survey begins a count that also collects digests, beginning with that of this node.
// Out.Digests returns them, at most MostDigests.
func (c *Census) Survey(now time.Time, token uint64, out Out) {
	c.start(now, token, surveyIn, MostDigests, out)
}

func (c *Census) start(now time.Time, token uint64, wait time.Duration, digests uint64, out Out) {
	c.last++
	q := c.begin(c.self, c.last, 0, now.Add(wait), out)
	q.token, q.wants = token, digests
	if digests > 0 {
		c.queueDigests(now, q, []Digest{c.describe()}, out)
	}
	c.ask(q, wait, out)
}

// queueDigests queues digests for the parent and sends each full frame at once. If this
// node began the survey, it reports them to Out.
func (c *Census) queueDigests(now time.Time, q *query, digests []Digest, out Out) {
	digests = digests[:min(uint64(len(digests)), q.wants)]
	q.wants -= uint64(len(digests))
	if q.parent == 0 {
		if len(digests) > 0 {
			out.Digests(q.token, digests)
		}
		return
	}
	if len(q.queued) == 0 {
		q.flushAt = now.Add(gather)
	}
	q.queued = append(q.queued, digests...)
	for len(q.queued) >= MaxDigests {
		c.send(q, q.queued[:MaxDigests], out)
		q.queued = slices.Clone(q.queued[MaxDigests:])
	}
}

func (c *Census) send(q *query, digests []Digest, out Out) {
	if c.link(q.parent) != nil { // else the parent is gone
		out.Send(q.parent, &Tell{Query: q.number, Origin: q.origin, Digests: digests})
	}
}

// flush sends the queued digests.
func (c *Census) flush(q *query, out Out) {
	if len(q.queued) > 0 {
		c.send(q, q.queued, out)
		q.queued = nil
	}
}

func (c *Census) link(id ident.Link) *link {
	for i := range c.links {
		if c.links[i].id == id {
			return &c.links[i]
		}
	}
	return nil
}

func (c *Census) begin(o ident.ID, number uint64, parent ident.Link, expires time.Time, out Out) *query {
	c.makeRoom(parent, out)
	c.past[countKey{o, number}] = struct{}{}
	c.order = append(c.order, pastCount{countKey{o, number}, parent})
	q := &query{origin: o, number: number, parent: parent, nodes: 1, expires: expires}
	c.queries = append(c.queries, q)
	return q
}

// makeRoom ends a count early if there are too many: the oldest one of the neighbour that
// brought the most, so that a neighbour ends no counts of others. The parent of the count
// still gets an answer. It likewise forgets a past count.
func (c *Census) makeRoom(parent ident.Link, out Out) {
	if len(c.queries) >= maxQueries {
		at := oldestOfMost(c.queries, parent, func(q *query) ident.Link { return q.parent })
		if q := c.queries[at]; !q.done {
			c.reply(q, false, out)
		}
		c.queries = slices.Delete(c.queries, at, at+1)
	}
	if len(c.order) >= maxPast {
		at := oldestOfMost(c.order, parent, func(p pastCount) ident.Link { return p.by })
		delete(c.past, c.order[at].countKey)
		c.order = slices.Delete(c.order, at, at+1)
	}
}

// oldestOfMost returns the index of the first entry of the link with the most entries. The
// entry that a link is about to add counts too.
func oldestOfMost[E any](list []E, next ident.Link, by func(E) ident.Link) (at int) {
	counts := map[ident.Link]int{next: 1}
	for _, x := range list {
		counts[by(x)]++
	}
	for i, x := range list {
		if counts[by(x)] > counts[by(list[at])] || counts[by(x)] == counts[by(list[at])] && by(x) == next && by(list[at]) != next {
			at = i
		}
	}
	return at
}

func (c *Census) ask(q *query, wait time.Duration, out Out) {
	for _, l := range c.links {
		if l.id != q.parent {
			q.waiting = append(q.waiting, l.id)
			out.Send(l.id, &Count{Query: q.number, Origin: q.origin, Wait: wait, Digests: q.wants})
		}
	}
	c.finish(q, out)
}

func (c *Census) takeAnswer(q *query, id ident.Link, nodes uint64, out Out) {
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
	c.flush(q, out)
	if c.link(q.parent) != nil { // else the parent is gone
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

// Handle processes a frame that arrived on the link of a neighbour.
func (c *Census) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	l := c.link(id)
	if l == nil {
		return
	}
	switch m := msg.(type) {
	case *Count:
		q := c.find(m.Origin, m.Query)
		switch {
		case q == nil && m.Origin == c.self: // a count of an earlier life of this node: nothing waits for the answer
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		case q == nil && c.isPast(m):
			// The count was dropped to make room, and a late copy arrives. Starting it
			// again would make it circle without end.
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		case q == nil && !l.counts.AllowN(now, costOf(m)):
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin, Partial: true})
		case q == nil:
			wait := min(max(m.Wait-perHop, leastWait), answerIn)
			q := c.begin(m.Origin, m.Query, id, now.Add(wait), out)
			if q.wants = min(m.Digests, MostDigests); q.wants > 0 {
				c.queueDigests(now, q, []Digest{c.describe()}, out)
			}
			c.ask(q, wait, out)
		case slices.Contains(q.waiting, id):
			c.takeAnswer(q, id, 0, out)
		case id != q.parent:
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		}
	case *CountReply:
		if q := c.find(m.Origin, m.Query); q != nil {
			q.partial = q.partial || m.Partial
			c.takeAnswer(q, id, m.Nodes, out)
		}
	case *Tell:
		if q := c.find(m.Origin, m.Query); q != nil && !q.done && slices.Contains(q.waiting, id) {
			c.queueDigests(now, q, m.Digests, out)
		}
	}
}

func (c *Census) isPast(m *Count) bool {
	_, ok := c.past[countKey{m.Origin, m.Query}]
	return ok
}

func costOf(m *Count) int {
	if m.Digests > 0 {
		return surveyCost
	}
	return 1
}

// Advance answers expired counts, sends digests that are due, and drops old counts.
func (c *Census) Advance(now time.Time, out Out) {
	for _, q := range c.queries {
		switch {
		case q.done:
		case !now.Before(q.expires):
			c.reply(q, false, out)
		case len(q.queued) > 0 && !now.Before(q.flushAt):
			c.flush(q, out)
		}
	}
	c.queries = slices.DeleteFunc(c.queries, func(q *query) bool {
		return q.done && now.Sub(q.expires) >= answerIn
	})
}

// Deadline returns the time of the next Advance, and false if none is needed.
func (c *Census) Deadline() (at time.Time, ok bool) {
	for _, q := range c.queries {
		t := q.expires
		switch {
		case q.done:
			t = t.Add(answerIn)
		case len(q.queued) > 0 && q.flushAt.Before(t):
			t = q.flushAt
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}
