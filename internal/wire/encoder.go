package wire

import (
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Encoder is the sending half of one link. Its zero value is ready. All frames that it
// appended must be sent on the link, in the same order.
type Encoder struct {
	origins frame.SentOrigins
	writer  frame.Writer
}

// Append appends the frame of m, which is a message of a registered kind. If the other
// end would refuse m, Append returns a *MessageError and dst unchanged, and the state of
// the link stays as it was. Durations, ttls and rounds are clamped to their limits.
func (e *Encoder) Append(dst []byte, m any) ([]byte, error) {
	msg, ok := m.(frame.Message)
	if !ok || msg.Kind().Spec() == nil {
		return dst, &MessageError{0, "type is not one of the protocol", ErrUnknownMessage}
	}
	out, f := e.writer.Append(dst, msg, &e.origins)
	if f.Err != nil {
		return dst, &MessageError{msg.Kind(), f.String(), f.Err}
	}
	return out, nil
}

// AppendGossip appends the frame of g without the checks of [Encoder.Append]; see
// [plumtree.AppendGossip]. A relay decodes each event once and appends it once for each
// link. Therefore GOSSIP alone is encoded and decoded without the table of kinds, here
// and in [Decoder.Next].
func (e *Encoder) AppendGossip(dst []byte, g *plumtree.Gossip) []byte {
	return plumtree.AppendGossip(dst, &e.origins, g)
}
