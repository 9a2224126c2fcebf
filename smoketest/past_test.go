package smoketest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// These tests check "What a node hears of the past" in docs/events.md.

// notes records what handlers of one node received.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, text)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.list, " ")
}

func (n *notes) want(t *testing.T, want string) {
	t.Helper()
	if got := n.String(); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// tick makes node i emit the numbers that begin at from and end at to, one in each step.
func tick(t *testing.T, net *Network, i, from, to int, step time.Duration) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := net.Node(i).Broadcast().Emit("n", n); err != nil {
			t.Fatal(err)
		}
		time.Sleep(step)
	}
}

// upTo returns "from from+1 … to".
func upTo(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, " %d", n)
	}
	return strings.TrimSpace(b.String())
}

// listen makes a node that is about to start record numbers and gaps.
func listen(node *smoke.Node, n *notes, opts ...smoke.HandlerOption) {
	node.Broadcast().On("n", func(i int) { n.add(fmt.Sprint(i)) }, opts...)
	node.OnGap(func(g smoke.Gap) { n.add(fmt.Sprintf("gap of %d", g.Events)) })
}

// A newcomer receives what is emitted after its Start, to the millisecond, and nothing from
// before. This holds whichever node emits, near or far.
func TestANewcomerHearsNothingOfThePast(t *testing.T) {
	for _, nodes := range []int{2, 12} {
		var late notes
		o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
			if i == nodes {
				listen(node, &late)
			}
		}}
		RunWith(t, nodes, o, func(t *testing.T, net *Network) {
			tick(t, net, nodes-1, 1, 50, 100*time.Millisecond) // the last one 100 ms before the start
			net.Add()
			tick(t, net, nodes-1, 51, 60, 100*time.Millisecond)
			net.Settle()
			late.want(t, upTo(51, 60))
		})
	}
}

// If a node emits without a neighbour, the events count as emitted when the first neighbour
// takes them. All nodes that run by then receive them, and none that starts later.
func TestEventsOfALoneNodeReachAllNodesThatRunWhenTheyAreTaken(t *testing.T) {
	var heard [5]notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) { listen(node, &heard[i]) }}
	RunWith(t, 1, o, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 3, 20*time.Second)
		for range 3 {
			net.Add()
		}
		net.Settle()
		net.Add()
		tick(t, net, 0, 4, 4, time.Second)
		net.Settle()
		for i := 1; i <= 3; i++ {
			heard[i].want(t, upTo(1, 4))
		}
		heard[4].want(t, "4")
	})
}

// Two nodes start at the same moment, and one of them emits at once.
func TestEventsBeforeTheFirstLinkAreNotLost(t *testing.T) {
	var heard notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		if i == 1 {
			listen(node, &heard)
		}
	}}
	RunWith(t, 1, o, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 1, 0)
		time.Sleep(time.Second)
		net.Add()
		net.Settle()
		heard.want(t, "1")
	})
}

// After a partition heals, a node that started in one half receives the other half's events
// from after its start, and none from before. It still relays the older ones.
func TestANodeOfOneHalfGetsNoOlderEventsOfTheOther(t *testing.T) {
	var heard, young notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		switch i {
		case 0:
			listen(node, &heard)
		case 4:
			listen(node, &young)
		}
	}}
	RunWith(t, 4, o, func(t *testing.T, net *Network) {
		net.Partition([]int{2, 3})
		net.Settle()
		tick(t, net, 3, 1, 10, time.Second)
		net.Add()
		net.Settle()
		tick(t, net, 3, 11, 20, time.Second)
		net.Heal()
		net.Settle()
		heard.want(t, upTo(1, 20))
		young.want(t, upTo(11, 20))
	})
}

// With Rewind, a node receives the events in its neighbours' histories, in order and once,
// before newer events. Each handler sets its own time.
func TestRewind(t *testing.T) {
	for _, nodes := range []int{2, 12} {
		var all, some, none notes
		o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
			if i == nodes {
				node.Broadcast().On("n", func(i int) { none.add(fmt.Sprint(i)) })
				smoke.On(node.Broadcast(), "n", func(e smoke.Event, n int) { some.add(fmt.Sprint(n)) }, smoke.Rewind(30500*time.Millisecond))
				listen(node, &all, smoke.Rewind(time.Hour))
			}
		}}
		RunWith(t, nodes, o, func(t *testing.T, net *Network) {
			tick(t, net, nodes-1, 1, 100, time.Second) // the last one a second ago
			net.Add()
			tick(t, net, nodes-1, 101, 150, 10*time.Millisecond)
			net.Settle()
			all.want(t, upTo(1, 150))
			some.want(t, upTo(71, 150))
			none.want(t, upTo(101, 150))
		})
	}
}

// Events that no history holds any more are not a gap, because they were never promised.
func TestRewindBeyondTheHistories(t *testing.T) {
	var heard notes
	o := Options{
		Configure: func(t *testing.T, i int, o *smoke.Options) { o.History.Age = 20 * time.Second },
		Setup: func(t *testing.T, i int, node *smoke.Node) {
			if i == 3 {
				listen(node, &heard, smoke.Rewind(time.Hour))
			}
		},
	}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		tick(t, net, 1, 1, 60, time.Second)
		net.Add()
		net.Settle()
		tick(t, net, 1, 61, 61, 0)
		net.Settle()
		got := strings.Fields(heard.String())
		if first := slices.Index(strings.Fields(upTo(1, 61)), got[0]) + 1; first < 35 || first > 45 || heard.String() != upTo(first, 61) {
			t.Errorf("heard %q", got)
		}
	})
}

// On a running node, a handler with Rewind receives the events in the node's own history
// and then the new ones, without a gap or a duplicate.
func TestRewindOnARunningNode(t *testing.T) {
	var before, late, short, any, once notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		if i == 1 {
			listen(node, &before)
		}
	}}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		b := net.Node(1).Broadcast()
		tick(t, net, 0, 1, 50, time.Second)
		tick(t, net, 0, 51, 60, 0)
		off := b.On("n", func(i int) { late.add(fmt.Sprint(i)) }, smoke.Rewind(time.Minute))
		smoke.On(b, "n", func(_ smoke.Event, i int) { short.add(fmt.Sprint(i)) }, smoke.Rewind(10500*time.Millisecond))
		b.Once("n", func(i int) { once.add(fmt.Sprint(i)) }, smoke.Rewind(time.Minute))
		b.OnAny(func(e smoke.Event) { any.add(fmt.Sprint(e.Name, e.Seq)) }, smoke.Rewind(time.Minute))
		tick(t, net, 0, 61, 100, 0)
		net.Settle()
		before.want(t, upTo(1, 100))
		late.want(t, upTo(1, 100))
		short.want(t, upTo(41, 100))
		once.want(t, "1")
		if got := len(strings.Fields(any.String())); got != 100 {
			t.Errorf("OnAny heard %d events", got)
		}
		off()
		tick(t, net, 0, 101, 101, 0)
		net.Settle()
		late.want(t, upTo(1, 100))
		before.want(t, upTo(1, 101))
		var calls atomic.Int64
		b.On("n", func(i int) { calls.Add(1) }, smoke.Rewind(time.Minute))()
		running := calls.Load() // a call may have begun before the handler was removed
		net.Settle()
		if got := calls.Load(); got > running+1 {
			t.Errorf("taken off after %d calls, and called %d times", running, got)
		}
	})
}

// A handler with Rewind that is registered just after Start receives the same events as
// one that is registered before Start.
func TestRewindJustAfterStart(t *testing.T) {
	RunWith(t, 3, Options{}, func(t *testing.T, net *Network) {
		var heard notes
		tick(t, net, 0, 1, 10, time.Second)
		i := net.Add()
		listen(net.Node(i), &heard, smoke.Rewind(time.Minute))
		net.Settle()
		heard.want(t, upTo(1, 10))
	})
}

// A node that restarts with its id receives nothing twice, in the same process or another
// one. Rewind may repeat events, but not with a StateFile.
func TestANodeThatStartsAgainHearsNothingTwice(t *testing.T) {
	for _, c := range []struct {
		what         string
		file, rewind bool
		want         string
	}{
		{"no file, no rewind", false, false, upTo(1, 10) + " " + upTo(16, 20)},
		{"file, no rewind", true, false, upTo(1, 10) + " " + upTo(16, 20)},
		{"no file, rewind", false, true, upTo(1, 10) + " " + upTo(1, 20)},
		{"file, rewind", true, true, upTo(1, 20)},
	} {
		t.Run(c.what, func(t *testing.T) {
			var heard notes
			path := filepath.Join(t.TempDir(), "state")
			o := Options{
				Configure: func(t *testing.T, i int, o *smoke.Options) {
					if i == 2 {
						o.ID = smoke.ID{2}
						if c.file {
							o.StateFile = path
						}
					}
				},
				Setup: func(t *testing.T, i int, node *smoke.Node) {
					var opts []smoke.HandlerOption
					if c.rewind {
						opts = append(opts, smoke.Rewind(time.Minute))
					}
					if i == 2 {
						listen(node, &heard, opts...)
					}
				},
			}
			RunWith(t, 3, o, func(t *testing.T, net *Network) {
				tick(t, net, 0, 1, 10, 100*time.Millisecond)
				net.Stop(2)
				tick(t, net, 0, 11, 15, 100*time.Millisecond)
				net.Restart(2)
				tick(t, net, 0, 16, 20, 100*time.Millisecond)
				net.Settle()
				heard.want(t, c.want)
			})
		})
	}
}

// A node without a neighbour emits more than its history holds. The origin gets OnGap, and
// so do its first neighbours.
func TestMoreThanTheHistoryIsEmittedAlone(t *testing.T) {
	for _, ranBefore := range []bool{false, true} {
		var lost, gaps, got atomic.Int64
		var toldAt atomic.Int64
		o := Options{
			Configure: func(t *testing.T, i int, o *smoke.Options) {
				o.History.Bytes = 1 << 20
				if i == 1 {
					o.Seeds = nil // AddPeer links it later
				}
			},
			Setup: func(t *testing.T, i int, node *smoke.Node) {
				node.Broadcast().On("x", func() { got.Add(1) })
				node.OnGap(func(g smoke.Gap) {
					if g.Origin == node.ID() {
						lost.Add(int64(g.Events))
						return
					}
					gaps.Add(int64(g.Events))
					toldAt.Store(time.Now().UnixNano())
				})
			},
		}
		RunWith(t, 1, o, func(t *testing.T, net *Network) {
			const n = 3000
			if ranBefore {
				net.Add()
				time.Sleep(3 * time.Second)
			}
			for range n {
				if err := net.Node(0).Broadcast().Emit("x", make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(5 * time.Second)
			if lost.Load() < n/2 {
				t.Errorf("the origin knows of %d lost events", lost.Load())
			}
			if !ranBefore {
				net.Add()
			}
			start := time.Now()
			if err := net.Node(1).AddPeer(t.Context(), net.Node(0).Addr()); err != nil {
				t.Fatal(err)
			}
			net.Settle()
			if lost.Load() != gaps.Load() || got.Load()+gaps.Load() != n {
				t.Errorf("ran before: %v: %d lost at the origin, %d reported as gaps, %d received of %d", ranBefore, lost.Load(), gaps.Load(), got.Load(), n)
			}
			if after := time.Duration(toldAt.Load() - start.UnixNano()); after > 5*time.Second {
				t.Errorf("ran before: %v: reported after %v", ranBefore, after)
			}
		})
	}
}
