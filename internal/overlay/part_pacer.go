package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// pacerPart is the machine, with the methods of flow control's Part and Out. It has no
// deadline, because flow control acts only when it is called.
type pacerPart Machine

// LinkUp implements Part.
func (p *pacerPart) LinkUp(_ time.Time, c hyparview.Conn, _ Out) { p.pacer.LinkUp(c.Link) }

// LinkDown implements Part.
func (p *pacerPart) LinkDown(_ time.Time, id ident.Link, _ Out) { p.pacer.LinkDown(id) }

// Handle implements Part.
func (p *pacerPart) Handle(now time.Time, id ident.Link, msg frame.Message, _ Out) {
	if msg, ok := msg.(flowcontrol.Message); ok {
		p.pacer.Handle(now, id, msg, p)
	}
}

// Advance implements Part.
func (p *pacerPart) Advance(time.Time, Out) {}

// Deadline implements Part.
func (p *pacerPart) Deadline() (at time.Time, ok bool) { return time.Time{}, false }

// Send implements flowcontrol.Out.
func (p *pacerPart) Send(to ident.Link, msg flowcontrol.Message) { p.out.Send(to, msg) }

// Pace returns how long this node should wait before it emits again, so that other nodes
// can keep up. Emit does not enforce the wait: it accepts every event.
func (m *Machine) Pace(now time.Time) time.Duration { return m.pacer.Wait(now) }

// Throttle reports that this node is behind, because too many events wait for its links
// or for its handlers. It may be called at any rate. All emitters of the network then
// lower their rate. If stop is positive, they emit nothing for that time.
func (m *Machine) Throttle(now time.Time, stop time.Duration, out Out) {
	m.begin(now, 0, out)
	m.pacer.Throttle(now, stop, (*pacerPart)(m))
}
