package flowcontrol

import "github.com/smokesignal-go/smokesignal/internal/frame"

// KindSlow is the one kind of flow control.
const KindSlow frame.Kind = 0x38 // origin id 16, origin epoch 8, count uvarint, stop ms

// Frames are the frames of flow control.
var Frames = frame.Register("flow control",
	frame.Spec{Kind: KindSlow, Name: "SLOW", Parse: frame.Parser(parseSlow), Append: frame.Appender(appendSlow)},
)

// Kind implements frame.Message.
func (*Slow) Kind() frame.Kind { return KindSlow }

func appendSlow(w *frame.Writer, m *Slow) {
	w.Origin("origin", m.Origin)
	w.Seq("count", m.Count, 0)
	w.Age(m.Stop)
}

func parseSlow(r *frame.Reader) *Slow {
	return &Slow{Origin: r.Origin("origin"), Count: r.Seq("count", 0), Stop: r.Age("stop")}
}
