package sim_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// Some nodes relay everything except one topic. They announce its events, keep their links,
// and answer no request for it. Counts of relayed frames do not show that. But each event
// has a number, so the nodes behind them detect the gap and request the events from others.
func TestATopicThatSomeWithhold(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, sim.Config{Seed: seed + 1})
		w.form(200, 3)
		withheld := 0
		for _, node := range w.Nodes[10:30] { // a tenth
			node.Withholds = func(g *plumtree.Gossip) bool {
				is := bytes.Contains(g.Body, []byte("\x06secret"))
				if is {
					withheld++
				}
				return is
			}
		}
		m := w.mark()
		last := 0
		for n := range 1000 {
			author := w.Nodes[30+w.Rand.IntN(170)]
			topic := "public"
			if n%10 == 0 {
				topic, last = "secret", n
			}
			w.emitted[author] = author.Emit(fmt.Appendf(nil, "\x06%s event %d of node %d", topic, n, author.Index))
			w.Run(10 * time.Millisecond)
		}
		w.wantAllSince(m, 30*time.Second)
		if withheld == 0 || last == 0 {
			w.fatalf("nothing was withheld")
		}
		if n := w.gaps(); n > 0 {
			w.fatalf("%d events were given up", n)
		}
	}
}
