package wire

import "github.com/smokesignal-go/smokesignal/internal/frame"

// Kind is the byte that says what a frame carries; see package frame, which has the
// table of all kinds.
type Kind = frame.Kind

// These are the kinds of the link itself. Each other protocol has its kinds in its
// frames.go.
const (
	KindHello  Kind = 0x01 // magic 4, major, minor, capabilities uvarint, network text, id 16, epoch uvarint, addr text, seen text, proof text
	KindRefuse Kind = 0x02 // code, text
	KindDirect Kind = 0x03 // event body to the end of the frame
)

// Frames registers the frames of the link itself.
var Frames = frame.Register("link",
	frame.Spec{Kind: KindHello, Name: "HELLO", Limit: MaxHello, Parse: frame.Parser(parseHello), Append: frame.Appender(appendHello)},
	frame.Spec{Kind: KindRefuse, Name: "REFUSE", Parse: frame.Parser(parseRefuse), Append: frame.Appender(appendRefuse)},
	frame.Spec{Kind: KindDirect, Name: "DIRECT", Limit: MaxEvent, Class: frame.Data, Reuse: true, Parse: parseDirect, Append: frame.Appender(appendDirect)},
)

// Kind implements frame.Message.
func (*Hello) Kind() Kind { return KindHello }

// Kind implements frame.Message.
func (*Refuse) Kind() Kind { return KindRefuse }

// Kind implements frame.Message.
func (*Direct) Kind() Kind { return KindDirect }
