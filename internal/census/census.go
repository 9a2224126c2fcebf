// Package census counts the nodes of an overlay, and asks them how they are.
//
// It is the echo algorithm (Chang, 1982): the question floods; each node waits
// for all its neighbours but the one that asked first, then answers that one
// with the sum. Between two nodes that both had the question already, the two
// questions are each other's answer. A count costs two small frames a link and
// is exact while no link changes; whoever waits too long answers with what it
// has.
//
// A survey is a count in which each node also tells of itself. Digests do not wait
// for the sum: they go back the way that the question came, as they come, a few
// together. So who asks sees those who answer though others never do. Nobody tells
// anything unless he is asked.
//
// [Census] is the machine. It does no I/O, and one goroutine at a time may use it.
package census

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Out takes what a [Census] wants done. Its methods only note it down.
type Out interface {
	Send(ident.Link, Message)
	// Counted ends a count that Start began; complete is false if some answers
	// did not come in time.
	Counted(token, nodes uint64, complete bool)
	// Told brings digests that a survey asked for: before Counted, each once.
	Told(token uint64, digests []Digest)
}

const (
	answerIn   = 4 * time.Second        // wait of the node that counts
	perHop     = 200 * time.Millisecond // by which each node waits less than who asked it, so that its answer still arrives
	leastWait  = 100 * time.Millisecond
	surveyIn   = 1500 * time.Millisecond // answerIn, of a survey: who asks looks again soon
	gather     = 20 * time.Millisecond   // for which digests wait for more
	maxQueries = 64                      // counts that pass through a node at one time
	maxPast    = 8192                    // counts that are recognised when they come round again
	maxNodes   = 1 << 40                 // more than that is a lie

	// Counts that a neighbour may begin or pass on: each is flooded. One with digests
	// counts as several. Who asks more often is told that the answer is partial. A
	// guess: some dozens of nodes that count, or a handful that somebody watches.
	countsPerSecond = 32
	countsAtOnce    = 64
	surveyCost      = 4
)

// Census is the machine.
type Census struct {
	self     ident.ID
	describe func() Digest
	links    []link
	queries  []*query          // oldest first
	past     map[name]struct{} // of all that have begun here, the latest; look-ups only
	order    []name            // the same, oldest first
	last     uint64
}

// name tells one count from all others.
type name struct {
	origin ident.ID
	number uint64
}

type link struct {
	id     ident.Link
	counts *rate.Limiter // that it may begin or pass on
}

type query struct {
	origin  ident.ID
	number  uint64
	token   uint64
	parent  ident.Link // 0: it is ours
	waiting []ident.Link
	nodes   uint64
	wants   uint64    // how many digests may still be told
	told    []Digest  // that are to go to the parent
	tellAt  time.Time // when
	expires time.Time
	partial bool // some answer was
	done    bool // answered; kept so that late questions are recognised
}

// New makes the machine of one node. describe gives what it tells of itself. The
// numbers of counts go on from the epoch, so that they never repeat.
func New(self ident.Origin, describe func() Digest) *Census {
	return &Census{self: self.ID, describe: describe, last: self.Epoch, past: make(map[name]struct{})}
}

// LinkUp takes a new neighbour.
func (c *Census) LinkUp(id ident.Link) {
	c.links = append(c.links, link{id, rate.NewLimiter(countsPerSecond, countsAtOnce)})
}

// LinkDown takes the end of a neighbour; nobody waits for it any more.
func (c *Census) LinkDown(id ident.Link, out Out) {
	c.links = slices.DeleteFunc(c.links, func(l link) bool { return l.id == id })
	for _, q := range c.queries {
		if slices.Contains(q.waiting, id) {
			q.partial = true
			c.answered(q, id, 0, out)
		}
	}
}

// Start begins a count. The result comes by Out.Counted, with the token.
func (c *Census) Start(now time.Time, token uint64, out Out) { c.start(now, token, answerIn, 0, out) }

// Survey begins a count in which all nodes tell of themselves, this one first: by
// Out.Told. What is more than MostDigests is left out.
func (c *Census) Survey(now time.Time, token uint64, out Out) {
	c.start(now, token, surveyIn, MostDigests, out)
}

func (c *Census) start(now time.Time, token uint64, wait time.Duration, digests uint64, out Out) {
	c.last++
	q := c.begin(c.self, c.last, 0, now.Add(wait), out)
	q.token, q.wants = token, digests
	if digests > 0 {
		c.tell(now, q, []Digest{c.describe()}, out)
	}
	c.ask(q, wait, out)
}

// tell passes digests on to where a question came from, when there are enough of them,
// or in a moment.
func (c *Census) tell(now time.Time, q *query, digests []Digest, out Out) {
	digests = digests[:min(uint64(len(digests)), q.wants)]
	q.wants -= uint64(len(digests))
	if q.parent == 0 {
		if len(digests) > 0 {
			out.Told(q.token, digests)
		}
		return
	}
	if len(q.told) == 0 {
		q.tellAt = now.Add(gather)
	}
	q.told = append(q.told, digests...)
	for len(q.told) >= MaxDigests {
		c.send(q, q.told[:MaxDigests], out)
		q.told = slices.Clone(q.told[MaxDigests:])
	}
}

func (c *Census) send(q *query, digests []Digest, out Out) {
	if c.link(q.parent) != nil { // else nobody waits for it
		out.Send(q.parent, &Tell{Query: q.number, Origin: q.origin, Digests: digests})
	}
}

// flush passes on what waits.
func (c *Census) flush(q *query, out Out) {
	if len(q.told) > 0 {
		c.send(q, q.told, out)
		q.told = nil
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
	if len(c.queries) >= maxQueries {
		// The oldest ends early. Nobody's count is left without an answer.
		if q := c.queries[0]; !q.done {
			c.reply(q, false, out)
		}
		c.queries = slices.Delete(c.queries, 0, 1)
	}
	if len(c.order) >= maxPast {
		delete(c.past, c.order[0])
		c.order = c.order[1:]
	}
	c.past[name{o, number}] = struct{}{}
	c.order = append(c.order, name{o, number})
	q := &query{origin: o, number: number, parent: parent, nodes: 1, expires: expires}
	c.queries = append(c.queries, q)
	return q
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
	c.flush(q, out)
	if c.link(q.parent) != nil { // else nobody waits for it
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
	l := c.link(id)
	if l == nil {
		return
	}
	switch m := msg.(type) {
	case *Count:
		q := c.find(m.Origin, m.Query)
		switch {
		case q == nil && m.Origin == c.self: // from before: nobody waits for it
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		case q == nil && c.isPast(m):
			// It had to make room, and comes round again: without an end, if it began
			// anew here.
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin})
		case q == nil && !l.counts.AllowN(now, costOf(m)):
			out.Send(id, &CountReply{Query: m.Query, Origin: m.Origin, Partial: true})
		case q == nil:
			wait := min(max(m.Wait-perHop, leastWait), answerIn)
			q := c.begin(m.Origin, m.Query, id, now.Add(wait), out)
			if q.wants = min(m.Digests, MostDigests); q.wants > 0 {
				c.tell(now, q, []Digest{c.describe()}, out)
			}
			c.ask(q, wait, out)
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
	case *Tell:
		if q := c.find(m.Origin, m.Query); q != nil && !q.done && slices.Contains(q.waiting, id) {
			c.tell(now, q, m.Digests, out)
		}
	}
}

func (c *Census) isPast(m *Count) bool {
	_, ok := c.past[name{m.Origin, m.Query}]
	return ok
}

func costOf(m *Count) int {
	if m.Digests > 0 {
		return surveyCost
	}
	return 1
}

// Advance answers what has waited too long, and forgets what is long done.
func (c *Census) Advance(now time.Time, out Out) {
	for _, q := range c.queries {
		switch {
		case q.done:
		case !now.Before(q.expires):
			c.reply(q, false, out)
		case len(q.told) > 0 && !now.Before(q.tellAt):
			c.flush(q, out)
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
		switch {
		case q.done:
			t = t.Add(answerIn)
		case len(q.told) > 0 && q.tellAt.Before(t):
			t = q.tellAt
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}
