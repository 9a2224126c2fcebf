package overlay

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Part is a protocol over the links to neighbours, inside a [Machine]. The machine
// calls it from one goroutine at a time, and never during another call of it. A part
// sends its actions to out, which is valid during the call.
type Part interface {
	// LinkUp reports a new neighbour, after membership has accepted it. The peer of a
	// probe is not a neighbour.
	LinkUp(now time.Time, c hyparview.Conn, out Out)
	// LinkDown reports that the peer on a link is not a neighbour any more.
	LinkDown(now time.Time, id ident.Link, out Out)
	// Handle takes a message of this part's kinds. It may arrive on a link that is not a
	// neighbour's.
	Handle(now time.Time, id ident.Link, m frame.Message, out Out)
	// Advance performs every action whose time has come.
	Advance(now time.Time, out Out)
	// Deadline returns the time of the next Advance, and false if none is needed. The
	// machine asks for it only after a call of the other methods, or after touch.
	Deadline() (at time.Time, ok bool)
}

// protocol is a row of the table of protocols: its frames, and the function that makes
// its part of a machine.
type protocol struct {
	frames *frame.Protocol
	part   func(m *Machine) Part
}

// protocols is the table of protocols. A new protocol is one more row. If several parts
// must advance at the same time, they do so in the order of the table.
var protocols = []protocol{
	placeMembers: {hyparview.Frames, func(m *Machine) Part { return (*membersPart)(m) }},
	placeWatch:   {netsplit.Frames, func(m *Machine) Part { return (*watchPart)(m) }},
	placeTree:    {plumtree.Frames, func(m *Machine) Part { return (*treePart)(m) }},
	placeCensus:  {census.Frames, func(m *Machine) Part { return (*censusPart)(m) }},
	placePacer:   {flowcontrol.Frames, func(m *Machine) Part { return (*pacerPart)(m) }},
}

// These constants are the positions in the table of the parts that the machine calls by
// name.
const (
	placeMembers = iota
	placeWatch
	placeTree
	placeCensus
	placePacer
)

// maxParts bounds the number of rows of the table.
const maxParts = 12

// partOf maps a kind of frame to the part that handles it. The value is the part's
// position in the table plus one. 0 means that no part handles the kind.
var partOf [256]uint8

func init() {
	for i, p := range protocols {
		route(p.frames, i)
	}
}

func route(frames *frame.Protocol, place int) {
	for _, s := range frames.Specs {
		partOf[s.Kind] = uint8(place + 1)
	}
}

// Env is what a registered part gets from its machine.
type Env struct {
	Self ident.Origin
	Rand *rand.Rand // all parts of the machine use this one
}

// Register adds a protocol of another package. Every machine that is made later has a
// part for it. Only package initialization may call Register.
func Register(frames *frame.Protocol, part func(Env) Part) {
	if len(protocols) == maxParts {
		panic(fmt.Sprintf("overlay: protocol %s is one more than the %d that a machine holds", frames.Name, maxParts))
	}
	route(frames, len(protocols))
	protocols = append(protocols, protocol{frames, func(m *Machine) Part { return part(Env{Self: m.self, Rand: m.rand}) }})
}

// partSet is a set of parts. Each part is a bit, by its position in the table.
type partSet uint16

const (
	forMembers partSet = 1 << placeMembers
	forWatch   partSet = 1 << placeWatch
	forTree    partSet = 1 << placeTree
	forCensus  partSet = 1 << placeCensus
	forAll     partSet = 1<<maxParts - 1
)

// touch makes the machine ask the parts in p for their deadlines again. It must be called
// for each part whose state may have changed.
func (m *Machine) touch(p partSet) { m.stale |= p }

// Handle takes a frame that arrived on a link. If the kind has frame.Spec.Reuse, the
// machine keeps no reference to the message after the call. Every other message belongs
// to the machine from then on.
func (m *Machine) Handle(now time.Time, id ident.Link, msg frame.Message, out Out) {
	c := m.conn(id)
	if c == nil {
		return // the machine closed the link before this frame was handled
	}
	c.heard = now
	kind := msg.Kind()
	place := partOf[kind]
	if place == 0 || m.hasLeft && !kind.Spec().AfterLeave {
		return
	}
	m.begin(now, 1<<(place-1), out)
	m.parts[place-1].Handle(now, id, msg, out)
}

// linkUp reports a neighbour to all parts. The tree comes first, because its first frame
// opens the link. Membership ignores the report, because it has made it itself.
func (m *Machine) linkUp(c hyparview.Conn) {
	m.touch(forAll)
	m.parts[placeTree].LinkUp(m.now, c, m.out)
	for i, p := range m.parts {
		if i != placeTree {
			p.LinkUp(m.now, c, m.out)
		}
	}
}

// linkDown reports to all parts, in the order of linkUp, that a neighbour is gone.
func (m *Machine) linkDown(id ident.Link) {
	m.touch(forAll)
	m.parts[placeTree].LinkDown(m.now, id, m.out)
	for i, p := range m.parts {
		if i != placeTree {
			p.LinkDown(m.now, id, m.out)
		}
	}
}

// Advance performs every action whose time has come.
func (m *Machine) Advance(now time.Time, out Out) {
	m.begin(now, 0, out)
	for i, p := range m.parts {
		if m.ask(); m.due[i].ok && !m.due[i].at.After(now) {
			p.Advance(now, out)
			m.touch(1 << i)
		}
	}
}

// Deadline returns the time of the next Advance, and false if none is needed. It may be
// earlier than the next action, and is never later.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	m.ask()
	d := m.earliest(m.asked, &m.rest)
	return d.at, d.ok
}

// ask updates the deadlines of the touched parts. Most frames touch one part, and it is
// the part that the frame before touched. Then the earliest deadline of the other parts
// is known already.
func (m *Machine) ask() {
	all := partSet(1)<<len(m.parts) - 1
	stale := m.stale & all
	m.stale = 0
	if stale == 0 {
		return
	}
	for left := stale; left != 0; left &= left - 1 {
		i := bits.TrailingZeros16(uint16(left))
		m.due[i].at, m.due[i].ok = m.parts[i].Deadline()
	}
	if stale != m.asked {
		m.asked = stale
		m.rest = *m.earliest(all&^stale, &deadline{})
	}
}

// earliest returns the earliest deadline among the parts in set and first.
func (m *Machine) earliest(set partSet, first *deadline) *deadline {
	for ; set != 0; set &= set - 1 {
		if d := &m.due[bits.TrailingZeros16(uint16(set))]; d.ok && (!first.ok || d.at.Before(first.at)) {
			first = d
		}
	}
	return first
}
