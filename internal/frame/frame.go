// Package frame holds everything that a protocol needs to describe its frames: kinds,
// fields, limits, and the table of all kinds.
//
// A protocol package owns its messages and their codec. It declares one message type and
// one [Spec] for each kind, and registers them when the program starts:
//
//	var Frames = frame.Register("census",
//		frame.Spec{Kind: KindCount, Name: "COUNT", Parse: frame.Parser(parseCount), Append: frame.Appender(appendCount)},
//	)
//
// Package wire encodes and decodes with this table. The owner of the links limits floods
// with it. Neither knows a protocol by name, with one exception: package wire decodes and
// appends GOSSIP without the table, because a relay does so for each event.
//
// Only package initialization may call [Register]. After that the table is constant, and
// any goroutine may read it.
package frame

import "fmt"

// Kind is the byte that names the content of a frame. Kinds are only ever appended,
// each to the group of its protocol.
//
// In the layouts, "text" is a length byte and that many bytes, "flags" is a
// byte whose unnamed bits are sent as zero and ignored, "ms" is a duration in
// milliseconds as a uvarint, "epoch 8" and "query 8" are big endian, and "list"
// is a uvarint and that many items.
type Kind uint8

// String returns the name of the kind in docs/protocol.md, or its number.
func (k Kind) String() string {
	if s := k.Spec(); s != nil {
		return s.Name
	}
	return fmt.Sprintf("kind 0x%02x", uint8(k))
}

// Message is the content of one frame: a pointer to a struct of its protocol.
type Message interface {
	// Kind returns the same kind for all messages of one type.
	Kind() Kind
}

// Class names the limit against floods that applies to a frame.
type Class uint8

const (
	// Control frames count for the limit with the number of parts that Spec.Parts
	// returns.
	Control Class = iota
	// Answer frames answer a request of the receiver. They have a separate limit, because
	// they are cheap and arrive in large numbers.
	Answer
	// Data frames carry events. Flow control limits them.
	Data
)

// FrameParts is the number of parts for which a control frame counts by default.
const FrameParts = 8

// Spec describes one kind of frame.
type Spec struct {
	Kind Kind
	Name string // name of the kind in docs/protocol.md

	// Limit is the longest frame of this kind in bytes, kind byte included. 0 means
	// MaxControl. No limit may be above MaxEvent.
	Limit int

	// Class and Parts are for the limits against floods. Parts returns the number of
	// parts for which a Control frame counts. If Parts is nil, each frame counts
	// FrameParts.
	Class Class
	Parts func(m Message) int

	// AfterLeave is set if a node that has said goodbye still handles these frames.
	AfterLeave bool

	// Reuse is set if the decoder of a link keeps the last message of this kind. It
	// passes that message to the next Parse as [Reader.Last], so that frames of this kind
	// allocate nothing. Such a message is valid until the next frame of its link is
	// decoded.
	Reuse bool

	// Parse reads the body of a frame. It may ignore bytes at the end, because a later
	// version may append fields. It must not keep the Reader.
	Parse func(r *Reader) Message

	// Append writes the body of a frame. If the other end would refuse the message,
	// Append must call [Writer.Fail]. The frame is then not sent.
	Append func(w *Writer, m Message)

	slot int // the index among kinds with Reuse, plus one; 0 for other kinds
}

// Parser converts a function that returns one type of message to a Spec.Parse.
func Parser[M Message](parse func(*Reader) M) func(*Reader) Message {
	return func(r *Reader) Message { return parse(r) }
}

// Appender converts a function that takes one type of message to a Spec.Append.
func Appender[M Message](write func(*Writer, M)) func(*Writer, Message) {
	return func(w *Writer, m Message) {
		typed, ok := m.(M)
		if !ok {
			w.Fail("type", "is not the one of its kind", ErrUnknownMessage)
			return
		}
		write(w, typed)
	}
}

// Protocol is a group of kinds that one package registered.
type Protocol struct {
	Name  string
	Specs []Spec
}

// table has an entry for each value of the kind byte. Only Register writes it.
var (
	table  [256]*Spec
	kinds  []Kind // in the order of registration
	reused int    // number of kinds with Reuse
)

// Register adds the kinds of a protocol to the table. It panics if a spec is not
// complete, or if its kind or name is taken, because that is an error in the program.
func Register(name string, specs ...Spec) *Protocol {
	p := &Protocol{Name: name, Specs: specs}
	for i := range p.Specs {
		s := &p.Specs[i]
		if s.Limit == 0 {
			s.Limit = MaxControl
		}
		if fault := s.fault(); fault != "" {
			panic(fmt.Sprintf("frame: protocol %s, kind 0x%02x %s: %s", name, uint8(s.Kind), s.Name, fault))
		}
		if s.Reuse {
			reused++
			s.slot = reused
		}
		table[s.Kind] = s
		kinds = append(kinds, s.Kind)
	}
	return p
}

// fault returns the fault of a spec, or "" if it has none.
func (s *Spec) fault() string {
	switch {
	case s.Kind == 0:
		return "the kind is 0"
	case s.Name == "":
		return "no name"
	case s.Parse == nil || s.Append == nil:
		return "no codec"
	case s.Limit < 1 || s.Limit > MaxEvent:
		return "the limit is out of range"
	case table[s.Kind] != nil:
		return "the kind belongs to " + table[s.Kind].Name
	}
	for _, k := range kinds {
		if table[k].Name == s.Name {
			return "the name is taken"
		}
	}
	return ""
}

// Spec returns the description of a kind, or nil if the kind is not registered.
func (k Kind) Spec() *Spec { return table[k] }

// Kinds returns all registered kinds in the order of registration.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// Limit returns the length of the longest frame of a kind in bytes, with the kind byte. Kinds that
// are not registered have the limit of control frames.
func (k Kind) Limit() int {
	if s := table[k]; s != nil {
		return s.Limit
	}
	return MaxControl
}

// Cost returns the class of a frame and the number of parts for which it counts in the
// limits against floods. A nil m is a frame of an unknown kind.
func Cost(m Message) (class Class, parts int) {
	if m == nil {
		return Control, FrameParts
	}
	s := table[m.Kind()]
	switch {
	case s == nil || s.Class == Control && s.Parts == nil:
		return Control, FrameParts
	case s.Class == Control:
		return Control, s.Parts(m)
	}
	return s.Class, 1
}
