package wire

import "github.com/smokesignal-go/smokesignal/ident"

// Hello is the first frame of each direction of a link. The end that dialled
// sends its own at once, the other when it has read that one.
type Hello struct {
	// Major and Minor are [Major] and [Minor]. Of a peer of another major
	// version nothing else is read: the other fields are zero.
	Major, Minor uint8

	// Capabilities has a bit for each thing that a node may do or leave.
	// None is defined yet; unknown ones are ignored.
	Capabilities uint64

	Network string   // nodes of different networks do not link
	ID      ident.ID // never zero
	Epoch   uint64   // this life of the node
	Addr    string   // where to dial the sender: "host:port", ":port" where it does not know its host, "" where nobody can
	Seen    string   // the address at which the sender sees the receiver
	Proof   string   // that the sender knows the network's secret; empty where there is none
}

// Refuse says why a link ends before it began. It follows a HELLO, or takes its
// place where the other end is to learn nothing else, and the connection is closed
// after it. Its layout is the same in all major versions.
type Refuse struct {
	Code RefuseCode
	Text string // for a log; any bytes, so quote it
}

// RefuseCode says why. Codes are only ever appended; an unknown one is to be
// read as RefuseBusy.
type RefuseCode uint8

const (
	RefuseBusy     RefuseCode = iota // try again later
	RefuseVersion                    // another major version
	RefuseNetwork                    // another network
	RefuseSelf                       // the node dialled itself
	RefuseLeaving                    // the node stops
	RefuseStranger                   // the node is not let in
	refuseCodes
)

// String gives the code in words.
func (c RefuseCode) String() string {
	words := [refuseCodes]string{"busy", "other version", "other network", "dialled itself", "leaving", "not let in"}
	if c < refuseCodes {
		return words[c]
	}
	return "unknown code"
}

// Direct carries an event for the other end of the link only.
type Direct struct {
	Body []byte // see [AppendBody]
}

// minHello is the length of a HELLO of another major version that carries
// nothing but its version: no HELLO is shorter.
const minHello = 1 + len(magic) + 2

// The lengths of a REFUSE: kind, code, and a text of up to MaxText.
const (
	minRefuse = 3
	maxRefuse = minRefuse + MaxText
)

func (w *writer) hello(m *Hello) {
	w.kind(KindHello)
	w.buf = append(w.buf, magic...)
	if m.Major == 0 {
		w.fail("major version", "is zero", ErrMalformed)
	}
	w.byte(m.Major)
	w.byte(m.Minor)
	w.uvarint(m.Capabilities)
	w.text("network", m.Network, MaxNetwork)
	w.knownID("id", m.ID)
	w.uvarint(m.Epoch)
	w.text("address", m.Addr, MaxText)
	w.text("seen address", m.Seen, MaxText)
	w.text("proof", m.Proof, MaxProof)
}

func (d *Decoder) readHello(r *reader) any {
	if d.state != opening {
		r.fail("HELLO", "comes twice", ErrMalformed)
		return nil
	}
	r.take("magic", len(magic)) // mayOpen has compared it
	m := &Hello{Major: r.byte("major version"), Minor: r.byte("minor version")}
	if m.Major != Major {
		d.state = foreign
		return m
	}
	d.state = open
	m.Capabilities = r.uvarint("capabilities")
	m.Network = r.text("network", MaxNetwork)
	m.ID = r.knownID("id")
	m.Epoch = r.uvarint("epoch")
	m.Addr = r.text("address", MaxText)
	m.Seen = r.text("seen address", MaxText)
	m.Proof = r.text("proof", MaxProof)
	return m
}

func (w *writer) refuse(m *Refuse) {
	w.kind(KindRefuse)
	w.byte(byte(m.Code))
	w.text("text", m.Text, MaxText)
}

func (r *reader) refuse() any {
	return &Refuse{Code: RefuseCode(r.byte("code")), Text: r.text("text", MaxText)}
}
