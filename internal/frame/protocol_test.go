package frame_test

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// soon is how long a story waits for an event.
const soon = 10 * time.Second

const network = "frames of a new protocol"

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(soon); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v: %s", soon, what)
		}
	}
}

func start(t *testing.T, seeds ...string) *smoke.Node {
	t.Helper()
	n := smoke.CreateNode(smoke.Options{Network: network, Seeds: seeds})
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

func TestTwoNodesSpeakANewProtocol(t *testing.T) {
	ann := start(t)
	bob := start(t, ann.Addr())
	both := []howl{{1, "first"}, {2, "again"}}
	barks := []bark{{1}, {2}}
	for _, n := range []*smoke.Node{ann, bob} {
		await(t, "a node hears both howls, and its own are answered", func() bool {
			h := kennel.of(n.ID())
			return slices.Equal(h.howls, both) && slices.Equal(h.barks, barks)
		})
	}
	if err := bob.Stop(); err != nil {
		t.Fatal(err)
	}
	await(t, "the part hears that the neighbour is gone", func() bool { return kennel.of(ann.ID()).lost == 1 })
	if refused := ann.Stats().Refused; refused.Frames != 0 || refused.Floods != 0 {
		t.Errorf("frames were refused: %+v", refused)
	}
}

// The simulator encodes and decodes the frames of the new protocol without code for their
// contents.
func TestTwoMachinesSpeakANewProtocol(t *testing.T) {
	n := sim.New(sim.Config{Seed: 1, Wire: true})
	a := n.Add()
	b := n.Add(a.Addr)
	n.Start(a)
	n.Start(b)
	kennel.forget(a.ID, b.ID) // each run of the test uses the same node IDs
	n.Run(5 * time.Second)
	if err := n.Err(); err != nil {
		t.Fatal(err)
	}
	for _, node := range []*sim.Node{a, b} {
		h := kennel.of(node.ID)
		if !slices.Equal(h.howls, []howl{{1, "first"}, {2, "again"}}) || !slices.Equal(h.barks, []bark{{1}, {2}}) {
			t.Errorf("%v heard %+v", node, h)
		}
	}
}

// visitor is a node whose frames the test writes itself.
type visitor struct {
	t    *testing.T
	conn net.Conn
	enc  wire.Encoder
	dec  wire.Decoder
}

// visit dials a node and becomes its neighbour.
func visit(t *testing.T, n *smoke.Node) *visitor {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	v := &visitor{t: t, conn: conn}
	v.say(&wire.Hello{Major: wire.Major, Minor: wire.Minor, Network: network, ID: ident.ID{0xee, 1}, Epoch: 1})
	v.say(&hyparview.Neighbor{})
	return v
}

func (v *visitor) say(m any) {
	v.t.Helper()
	b, err := v.enc.Append(nil, m)
	if err == nil {
		_, err = v.conn.Write(b)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// barks reads until the node has barked n times, or has ended the link. It returns how
// often the node barked.
func (v *visitor) barks(n int) (heard int) {
	v.t.Helper()
	v.conn.SetReadDeadline(time.Now().Add(soon))
	var buf []byte
	for heard < n {
		m, size, err := v.dec.Next(buf)
		if err != nil {
			v.t.Fatal(err)
		}
		if size > 0 {
			if buf = buf[size:]; m != nil && m.Kind() == kindBark {
				heard++
			}
			continue
		}
		more := make([]byte, 4096)
		got, err := v.conn.Read(more)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			v.t.Fatal("the node neither barks nor hangs up")
		}
		if buf = append(buf, more[:got]...); got == 0 && err != nil {
			return heard
		}
	}
	return heard
}

func TestAFrameOverTheLimitOfItsKindEndsTheLink(t *testing.T) {
	n := start(t)
	v := visit(t, n)
	fits := &howl{Number: 1, Text: string(make([]byte, maxHowl-3))} // kind, number and length take the other three bytes
	v.say(fits)
	if v.barks(1) != 1 {
		t.Fatal("a howl of just the limit was refused")
	}
	v.say(&howl{Number: 1, Text: fits.Text + "x"}) // the text is one byte too long
	v.barks(1)
	await(t, "the frame is counted", func() bool { return n.Stats().Refused.Frames == 1 })
	if h := kennel.of(n.ID()); len(h.howls) != 1 {
		t.Errorf("the part got %d howls", len(h.howls))
	}
}

// A burst of 20 000 control frames is the limit (docs/protocol.md), and each howl counts
// as a hundred frames.
func TestAFloodOfANewProtocolEndsTheLink(t *testing.T) {
	n := start(t)
	v := visit(t, n)
	const atOnce = 20_000 * 8 / howlParts
	for range atOnce - 10 { // fewer, because the frames of the handshake also count
		v.say(&howl{Number: 1})
	}
	if got := v.barks(atOnce - 10); got != atOnce-10 || n.Stats().Refused.Floods != 0 {
		t.Fatalf("%d barks, refused %+v", got, n.Stats().Refused)
	}
	for range 2 * atOnce {
		b, err := v.enc.Append(nil, &howl{Number: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.conn.Write(b); err != nil {
			break // the node has closed the link
		}
	}
	v.barks(3 * atOnce)
	await(t, "the flood is counted", func() bool { return n.Stats().Refused.Floods == 1 })
}
