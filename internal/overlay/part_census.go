package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// censusPart is the machine, with the methods of the census's Part and Out.
type censusPart Machine

// LinkUp implements Part.
func (p *censusPart) LinkUp(_ time.Time, c hyparview.Conn, _ Out) { p.census.LinkUp(c.Link) }

// LinkDown implements Part.
func (p *censusPart) LinkDown(_ time.Time, id ident.Link, _ Out) { p.census.LinkDown(id, p) }

// Handle implements Part.
func (p *censusPart) Handle(now time.Time, id ident.Link, msg frame.Message, _ Out) {
	if msg, ok := msg.(census.Message); ok {
		p.census.Handle(now, id, msg, p)
	}
}

// Advance implements Part.
func (p *censusPart) Advance(now time.Time, _ Out) { p.census.Advance(now, p) }

// Deadline implements Part.
func (p *censusPart) Deadline() (time.Time, bool) { return p.census.Deadline() }

// Send implements census.Out.
func (p *censusPart) Send(to ident.Link, msg census.Message) { p.out.Send(to, msg) }

// Counted implements census.Out.
func (p *censusPart) Counted(token, nodes uint64, complete bool) {
	p.out.Counted(token, nodes, complete)
}

// Digests implements census.Out.
func (p *censusPart) Digests(token uint64, digests []census.Digest) { p.out.Digests(token, digests) }

// Count counts the nodes of the overlay. Out.Counted reports the result.
func (m *Machine) Count(now time.Time, token uint64, out Out) {
	m.begin(now, forCensus, out)
	m.census.Start(now, token, (*censusPart)(m))
}

// Survey counts the nodes of the overlay and asks each for its digest. Out.Digests
// reports the digests, and then Out.Counted the number of nodes.
func (m *Machine) Survey(now time.Time, token uint64, out Out) {
	m.begin(now, forCensus, out)
	m.census.Survey(now, token, (*censusPart)(m))
}
