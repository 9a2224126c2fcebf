package wire

import (
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Hello is the first frame of each direction of a link. The end that dialled sends its
// HELLO at once. The other end sends its own after it has read that one.
type Hello struct {
	// Major and Minor are [Major] and [Minor]. If the peer has another major version,
	// the Decoder reads no other field and leaves them zero.
	Major, Minor uint8

	// Capabilities has a bit for each optional feature. None is defined yet, and
	// unknown bits are ignored.
	Capabilities uint64

	Network string   // nodes of different networks do not link
	ID      ident.ID // never zero
	Epoch   uint64   // the epoch of this run of the node
	Addr    string   // the address at which the sender can be dialled: "host:port"; ":port" if it does not know its host; "" if it can't be dialled
	Seen    string   // the address at which the sender sees the receiver
	Proof   string   // proves that the sender knows the network's secret; empty if the network has none
}

// Refuse says why an end closes a link without using it. It follows a HELLO. It replaces
// the HELLO if the other end must learn no more than the refusal. The sender then closes
// the connection. The layout is the same in all major versions.
type Refuse struct {
	Code RefuseCode
	Text string // text for a log; it may hold any bytes, so quote it
}

// RefuseCode is the reason of a Refuse. Codes are only appended. A receiver treats an
// unknown code as RefuseBusy.
type RefuseCode uint8

const (
	RefuseBusy     RefuseCode = iota // try again later
	RefuseVersion                    // another major version
	RefuseNetwork                    // the node is of another network
	RefuseSelf                       // the node dialled itself
	RefuseLeaving                    // the node stops
	RefuseStranger                   // the node is not admitted
	refuseCodes
)

// String returns the code in words.
func (c RefuseCode) String() string {
	words := [refuseCodes]string{"busy", "other version", "other network", "dialled itself", "leaving", "not let in"}
	if c < refuseCodes {
		return words[c]
	}
	return "unknown code"
}

// Direct carries an event to the other end of the link only.
type Direct struct {
	Body []byte // see [AppendBody]
}

// minHello is the length of a HELLO that carries its version and no other field, as one of
// another major version may. No HELLO is shorter.
const minHello = 1 + len(magic) + 2

// The limits of the length of a REFUSE: kind, code, and a text of up to MaxText.
const (
	minRefuse = 3
	maxRefuse = minRefuse + MaxText
)

func appendHello(w *frame.Writer, m *Hello) {
	w.Bytes([]byte(magic))
	if m.Major == 0 {
		w.Fail("major version", "is zero", ErrMalformed)
	}
	w.Byte(m.Major)
	w.Byte(m.Minor)
	w.Uvarint(m.Capabilities)
	w.Text("network", m.Network, MaxNetwork)
	w.KnownID("id", m.ID)
	w.Uvarint(m.Epoch)
	w.Text("address", m.Addr, MaxText)
	w.Text("seen address", m.Seen, MaxText)
	w.Text("proof", m.Proof, MaxProof)
}

func parseHello(r *frame.Reader) *Hello {
	r.Take("magic", len(magic)) // the value is checked already, by mayOpen
	m := &Hello{Major: r.Byte("major version"), Minor: r.Byte("minor version")}
	if m.Major != Major {
		return m
	}
	m.Capabilities = r.Uvarint("capabilities")
	m.Network = r.Text("network", MaxNetwork)
	m.ID = r.KnownID("id")
	m.Epoch = r.Uvarint("epoch")
	m.Addr = r.Text("address", MaxText)
	m.Seen = r.Text("seen address", MaxText)
	m.Proof = r.Text("proof", MaxProof)
	return m
}

func appendRefuse(w *frame.Writer, m *Refuse) {
	w.Byte(byte(m.Code))
	w.Text("text", m.Text, MaxText)
}

func parseRefuse(r *frame.Reader) *Refuse {
	return &Refuse{Code: RefuseCode(r.Byte("code")), Text: r.Text("text", MaxText)}
}

func appendDirect(w *frame.Writer, m *Direct) {
	if f := directFault(m.Body); f.Err != nil {
		w.Fail(f.Field, f.Reason, f.Err)
		return
	}
	w.Whole(nil, m.Body)
}

func parseDirect(r *frame.Reader) frame.Message {
	m, _ := r.Last.(*Direct)
	if m == nil {
		m = new(Direct)
	}
	m.Body = r.Rest()
	if f := directFault(m.Body); f.Err != nil {
		r.Fail(f.Field, f.Reason, f.Err)
	}
	return m
}
