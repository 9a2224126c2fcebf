package sim_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// In these stories every node has a key, and some relays forge the events that they
// forward.

var network = signed.New("story")

// keyOf returns the key of the i-th node.
func keyOf(i int) ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i)+1)
	return ed25519.NewKeyFromSeed(seed[:])
}

func (w *world) startWithKey(node *sim.Node) {
	node.ID = ident.FromKey(keyOf(node.Index).Public().(ed25519.PublicKey))
	w.Restart(node)
}

// verifying returns a configuration in which every event is verified.
func verifying() (cfg overlay.Config) {
	cfg.Tree.Verify = network.Verify
	cfg.Tree.VerifyAll = true
	return cfg
}

// say makes a node emit a signed event. Its number is known before, because only say emits
// for the node.
func (w *world) say(node *sim.Node) {
	key := keyOf(node.Index)
	o, seq := w.origin(node), w.emitted[node]+1
	body := signed.AppendBlank(nil, key.Public().(ed25519.PublicKey))
	body = append(body, saying(o, seq)...)
	network.Sign(func(m []byte) []byte { return ed25519.Sign(key, m) }, o, seq, body)
	if got := node.Emit(body); got != seq {
		w.fatalf("the event of node %d is number %d, and was signed as %d", node.Index, got, seq)
	}
	w.emitted[node] = seq
}

// saying returns the content of an event. The receiver can check it.
func saying(o ident.Origin, seq uint64) []byte { return fmt.Appendf(nil, "\x04word%x %d", o, seq) }

// listen counts the events that nodes deliver although no node emitted them.
func (w *world) listen(altered *int) {
	for _, node := range w.Nodes {
		hear := node.OnDeliver
		node.OnDeliver = func(e *plumtree.Event) {
			if !bytes.Equal(signed.Strip(sim.Body(e)), saying(e.Origin, e.Seq)) {
				*altered++
				return
			}
			hear(e)
		}
	}
}

// isGossip reports whether a frame carries events.
func isGossip(frame []byte) bool {
	_, n := binary.Uvarint(frame)
	return n > 0 && n < len(frame) && wire.Kind(frame[n]) == plumtree.KindGossip
}

// forger changes one byte in each event frame that a node forwards: always the same byte,
// or one after the other from the end.
type forger struct {
	at      int
	mask    byte
	sweeps  bool
	longest int
}

func (f *forger) forge(frame []byte) []byte {
	if !isGossip(frame) {
		return frame
	}
	f.longest = max(f.longest, len(frame))
	frame = bytes.Clone(frame)
	at := f.at % len(frame)
	if f.sweeps {
		at = len(frame) - 1 - at
		f.at++
	}
	frame[at] ^= f.mask
	return frame
}

// shortWay makes the path through node 1 the fastest.
func shortWay(_ *rand.Rand, from, to int) time.Duration {
	if from == 1 || to == 1 {
		return time.Millisecond
	}
	return 20 * time.Millisecond
}

// A relay on the shortest path changes one byte of every GOSSIP that it relays, for each
// byte in turn. No node delivers a forged event, all nodes deliver every real event, and
// only three frames of the relay are examined.
func TestARelayThatChangesAnyByte(t *testing.T) {
	spotted, longest := 0, 1
	for at := 0; at < longest; at++ {
		for _, mask := range []byte{0x01, 0xff} {
			f := &forger{at: at, mask: mask}
			altered := 0
			w := newWorld(t, sim.Config{
				Seed: uint64(at), Wire: true, Overlay: verifying(), Latency: shortWay,
				Tamper: func(from, _ *sim.Node, frame []byte) []byte {
					if from.Index == 1 {
						return f.forge(frame)
					}
					return frame
				},
			})
			w.signing = true
			w.form(4, 1)
			w.listen(&altered)
			author := w.Nodes[0]
			for range 8 {
				w.say(author)
				w.Run(300 * time.Millisecond)
			}
			w.Run(10 * time.Second)
			for _, node := range w.Nodes[2:] {
				tale := w.heard[node][w.origin(author)]
				if tale == nil || tale.first != 1 || tale.last != 8 || tale.holes > 0 || len(node.Gaps) > 0 {
					t.Fatalf("byte %d ^ %#x: node %d heard %+v, gaps %v", at, mask, node.Index, tale, node.Gaps)
				}
				if n := node.Machine.Stats().Refused; n > 3 {
					t.Fatalf("byte %d ^ %#x: node %d looked at %d forged frames", at, mask, node.Index, n)
				}
				spotted += int(node.Machine.Stats().Refused)
			}
			if altered > 0 {
				t.Fatalf("byte %d ^ %#x: %d altered events were delivered", at, mask, altered)
			}
			longest = max(longest, f.longest)
		}
	}
	t.Logf("frames of up to %d bytes; %d were refused for a signature, the others were no frames, or nothing was changed that counts", longest, spotted)
	if longest < 100 || spotted == 0 {
		t.Errorf("frames of %d bytes, %d refused: the relay did not pass events on", longest, spotted)
	}
}

// Two of thirty nodes are forgers and change each byte in turn. Their neighbours close the
// links to them, and the events of the others arrive everywhere. Without verification,
// nodes deliver forged events: that is the ablation.
func TestForgersInANetwork(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		story := func(cfg overlay.Config) (altered int, w *world) {
			forgers := map[int]*forger{5: {mask: 0x20, sweeps: true}, 11: {mask: 0x04, sweeps: true}}
			w = newWorld(t, sim.Config{
				Seed: seed, Wire: true, Overlay: cfg,
				Tamper: func(from, _ *sim.Node, frame []byte) []byte {
					if f := forgers[from.Index]; f != nil {
						return f.forge(frame)
					}
					return frame
				},
			})
			w.signing = true
			w.form(30, 2)
			w.listen(&altered)
			for n := range 150 {
				w.say(w.Nodes[n%30]) // forgers emit too: if they get only duplicates, their own events are all that they send
				w.Run(50 * time.Millisecond)
			}
			w.Run(10 * time.Second)
			return altered, w
		}
		altered, w := story(verifying())
		if altered > 0 {
			w.fatalf("%d altered events were delivered", altered)
		}
		banned := 0
		for _, node := range w.Nodes {
			banned += node.Banned
			if node.Index == 5 || node.Index == 11 {
				continue
			}
			if len(node.Gaps) > 0 {
				w.fatalf("node %d was told of gaps %v", node.Index, node.Gaps)
			}
			for _, speaker := range w.Nodes {
				tale := w.heard[node][w.origin(speaker)]
				said := w.emitted[speaker]
				if speaker == node || speaker.Index == 5 || speaker.Index == 11 {
					continue
				}
				if tale == nil || tale.first != 1 || tale.last != said || tale.holes > 0 {
					w.fatalf("node %d heard %+v of %d events of node %d", node.Index, tale, said, speaker.Index)
				}
			}
		}
		if banned == 0 {
			w.fatalf("nobody let a forger go")
		}
		t.Logf("%d times a neighbour let a forger go", banned)
		if altered, _ := story(overlay.Config{}); altered == 0 {
			t.Error("without verifying, nothing altered was delivered either")
		}
	})
}

// A node stores every event and replays all: at once, after the origin has begun another
// life with the same key, and much later. No node delivers one twice. The replaying node is
// not banned, because each event is genuine.
func TestReplayedEventsAreHeardOnce(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 3, Wire: true, Overlay: verifying()})
	w.signing = true
	w.form(8, 1)
	author, keeper := w.Nodes[0], w.Nodes[3]
	var kept []*plumtree.Event
	hear := keeper.OnDeliver
	keeper.OnDeliver = func(e *plumtree.Event) { kept = append(kept, e); hear(e) }
	replay := func() {
		for _, victim := range keeper.Peers() {
			for c := range victim.Machine.Neighbors {
				if c.Peer.ID != keeper.ID {
					continue
				}
				for _, e := range slices.Concat(kept, kept) {
					victim.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) {
						m.Handle(now, c.Link, &plumtree.Gossip{Origin: e.Origin, Seq: e.Seq, Count: e.Count, Round: 1, Body: e.Body, Signed: true}, out)
					})
				}
				break
			}
		}
		w.Run(time.Second)
	}
	sayAll := func() {
		for range 20 {
			w.say(author)
			w.Run(20 * time.Millisecond)
		}
		w.Run(2 * time.Second)
	}
	sayAll()
	replay() // the world checks that no node delivers an event twice
	w.Run(10 * time.Minute)
	replay() // now no history holds the events any more
	first := w.origin(author)
	w.Crash(author, true)
	w.Run(10 * time.Second)
	w.begin(author)
	w.wantSettled(20 * time.Second)
	sayAll()
	replay()
	for _, node := range w.Nodes[1:] {
		for _, life := range []ident.Origin{first, w.origin(author)} {
			if tale := w.heard[node][life]; tale == nil || tale.first != 1 || tale.last != 20 || tale.holes > 0 {
				w.fatalf("node %d heard %+v of %v", node.Index, tale, life)
			}
		}
		if node.Machine.Stats().Refused > 0 || node.Banned > 0 {
			w.fatalf("node %d refused %d, and let %d go", node.Index, node.Machine.Stats().Refused, node.Banned)
		}
	}
	if len(kept) != 40 {
		w.fatalf("%d events were kept", len(kept))
	}
}
