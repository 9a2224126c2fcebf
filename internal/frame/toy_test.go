package frame_test

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// The toy protocol has two kinds. A node howls at a new neighbour, and once more after
// howlAgain. A neighbour barks back with the same number. The whole protocol is in this
// file. A real protocol would also have one row in the table of internal/overlay. Here, a
// call of Register replaces that row.

func init() { overlay.Register(toyFrames, newToy) }

const (
	kindHowl frame.Kind = 0x70 // number uvarint, text
	kindBark frame.Kind = 0x71 // number uvarint
)

const (
	maxHowl   = 64  // bytes of a HOWL, including its kind
	howlParts = 800 // number of parts: a HOWL counts as 100 control frames

	howlAgain = 50 * time.Millisecond
)

var toyFrames = frame.Register("toy",
	frame.Spec{Kind: kindHowl, Name: "HOWL", Limit: maxHowl, Parts: func(frame.Message) int { return howlParts }, Parse: frame.Parser(parseHowl), Append: frame.Appender(appendHowl)},
	frame.Spec{Kind: kindBark, Name: "BARK", Class: frame.Answer, Reuse: true, Parse: parseBark, Append: frame.Appender(appendBark)},
)

type howl struct {
	Number uint64
	Text   string
}

type bark struct{ Number uint64 }

func (*howl) Kind() frame.Kind { return kindHowl }
func (*bark) Kind() frame.Kind { return kindBark }

func appendHowl(w *frame.Writer, m *howl) {
	w.Seq("number", m.Number, 1)
	w.Text("text", m.Text, frame.MaxText)
}

func parseHowl(r *frame.Reader) *howl {
	return &howl{Number: r.Seq("number", 1), Text: r.Text("text", frame.MaxText)}
}

func appendBark(w *frame.Writer, m *bark) { w.Seq("number", m.Number, 1) }

func parseBark(r *frame.Reader) frame.Message {
	m, _ := r.Last.(*bark)
	if m == nil {
		m = new(bark)
	}
	m.Number = r.Seq("number", 1)
	return m
}

// toy is the part of one machine that runs the toy protocol.
type toy struct {
	self  ident.ID
	links []ident.Link
	next  time.Time // when the second howl is due; zero: none is due
}

func newToy(env overlay.Env) overlay.Part { return &toy{self: env.Self.ID} }

func (t *toy) LinkUp(now time.Time, c hyparview.Conn, out overlay.Out) {
	t.links = append(t.links, c.Link)
	t.next = now.Add(howlAgain)
	out.Send(c.Link, &howl{Number: 1, Text: "first"})
}

func (t *toy) LinkDown(_ time.Time, id ident.Link, _ overlay.Out) {
	for i, l := range t.links {
		if l == id {
			t.links = append(t.links[:i], t.links[i+1:]...)
			break
		}
	}
	kennel.note(t.self, func(h *heard) { h.lost++ })
}

func (t *toy) Handle(_ time.Time, id ident.Link, m frame.Message, out overlay.Out) {
	switch m := m.(type) {
	case *howl:
		kennel.note(t.self, func(h *heard) { h.howls = append(h.howls, *m) })
		out.Send(id, &bark{m.Number})
	case *bark:
		kennel.note(t.self, func(h *heard) { h.barks = append(h.barks, *m) })
	}
}

func (t *toy) Advance(_ time.Time, out overlay.Out) {
	t.next = time.Time{}
	for _, l := range t.links {
		out.Send(l, &howl{Number: 2, Text: "again"})
	}
}

func (t *toy) Deadline() (time.Time, bool) { return t.next, !t.next.IsZero() }

// heard lists what the toy of one node has received.
type heard struct {
	howls []howl
	barks []bark
	lost  int // number of neighbours that have left
}

// kennel collects what the toys of all nodes have received.
var kennel = kennels{by: make(map[ident.ID]*heard)}

type kennels struct {
	mu sync.Mutex
	by map[ident.ID]*heard
}

func (k *kennels) note(self ident.ID, what func(*heard)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by[self] == nil {
		k.by[self] = new(heard)
	}
	what(k.by[self])
}

func (k *kennels) of(self ident.ID) (h heard) {
	k.note(self, func(now *heard) { h = *now })
	return h
}

func (k *kennels) forget(nodes ...ident.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range nodes {
		delete(k.by, id)
	}
}
