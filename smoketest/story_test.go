package smoketest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// say makes a node broadcast a text, and waits until all reachable nodes have it.
func say(t *testing.T, net *Network, i int, text string) {
	t.Helper()
	if err := net.Node(i).Broadcast().Emit("chat", text); err != nil {
		t.Fatalf("node %d says %q: %v", i, text, err)
	}
	net.Settle()
}

// wantHeard compares what the nodes have received, from node 0 on.
func wantHeard(t *testing.T, r *Recorder[string], want ...string) {
	t.Helper()
	for i, w := range want {
		if got := strings.Join(r.Heard(i), " "); got != w {
			t.Errorf("node %d heard %q, want %q", i, got, w)
		}
	}
}

// sees reports whether any node has a link to the node.
func sees(net *Network, id smoke.ID) bool {
	for _, node := range net.Nodes() {
		if node.Peers().Has(id) {
			return true
		}
	}
	return false
}

func TestNodesAreConnectedWhenTheTestBegins(t *testing.T) {
	for _, n := range []int{1, 2, 5, 30} {
		Run(t, n, func(t *testing.T, net *Network) {
			chat := Record[string](net, "chat")
			count := 0
			for i, node := range net.Nodes() {
				if node != net.Node(i) || i != count || node.Addr() != Addr(i) {
					t.Errorf("node %d of %d is %s", i, count, node.Addr())
				}
				count++
			}
			if count != n || !net.Connected() {
				t.Errorf("%d nodes, connected: %v", count, net.Connected())
			}
			say(t, net, 0, "hi")
			for i := 1; i < n; i++ {
				if !slices.Equal(chat.Heard(i), []string{"hi"}) {
					t.Errorf("node %d heard %q", i, chat.Heard(i))
				}
			}
		})
	}
}

func TestAPartitionAndItsEnd(t *testing.T) {
	Run(t, 5, func(t *testing.T, net *Network) {
		chat := Record[string](net, "chat")
		net.Partition([]int{0, 1})
		net.Settle()
		say(t, net, 0, "west")
		say(t, net, 4, "east")
		net.Add() // in the part of the nodes that were not named
		net.Settle()
		say(t, net, 5, "new")
		wantHeard(t, chat, "", "west", "east new", "east new", "new", "")
		net.Heal()
		net.Settle()
		for i := range 5 {
			if len(chat.HeardFrom(i, 0)) != 1 && i != 0 || len(chat.HeardFrom(i, 4)) != 1 && i != 4 {
				t.Errorf("after the cut node %d has heard %q", i, chat.Heard(i))
			}
		}
		if got := chat.HeardFrom(0, 5); !slices.Equal(got, []string{"new"}) {
			t.Errorf("node 0 heard %q of node 5", got)
		}
	})
}

func TestPartitionsAddUp(t *testing.T) {
	Run(t, 6, func(t *testing.T, net *Network) {
		chat := Record[string](net, "chat")
		net.Partition([]int{0, 1, 2}, []int{3, 4, 5})
		net.Settle()
		net.Partition([]int{2, 3}, []int{0, 1}, []int{4, 5})
		net.Settle()
		say(t, net, 0, "a")
		say(t, net, 2, "b")
		say(t, net, 4, "c")
		wantHeard(t, chat, "", "a", "", "", "", "c")
		net.Heal()
		net.Settle()
		say(t, net, 5, "d")
		for i := range 5 {
			if got := len(chat.Heard(i)); got < 3 {
				t.Errorf("node %d heard %q", i, chat.Heard(i))
			}
		}
	})
}

// A partition of a minute is a netsplit. Every node gets OnNetsplit once and OnHeal once.
func TestALongPartitionIsANetsplit(t *testing.T) {
	var netsplits, heals atomic.Int32
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		node.OnNetsplit(func(smoke.Netsplit) { netsplits.Add(1) })
		node.OnHeal(func(smoke.Heal) { heals.Add(1) })
	}}
	RunWith(t, 6, o, func(t *testing.T, net *Network) {
		net.Partition([]int{0, 1, 2})
		time.Sleep(time.Minute)
		net.Heal()
		net.Wait(time.Minute, "all nodes say that it is over", func() bool { return heals.Load() == 6 })
		time.Sleep(time.Minute)
		if netsplits.Load() != 6 || heals.Load() != 6 {
			t.Errorf("%d netsplits, %d ends", netsplits.Load(), heals.Load())
		}
	})
}

func TestEventsGoRoundACut(t *testing.T) {
	Run(t, 4, func(t *testing.T, net *Network) {
		chat := Record[string](net, "chat")
		net.Cut(0, 1)
		net.Settle()
		if net.Node(0).Peers().Has(net.Node(1).ID()) {
			t.Error("they are still neighbours")
		}
		say(t, net, 0, "hi")
		wantHeard(t, chat, "", "hi", "hi", "hi")
	})
}

func TestIsolation(t *testing.T) {
	Run(t, 4, func(t *testing.T, net *Network) {
		chat := Record[string](net, "chat")
		alone := make(chan bool, 1)
		net.Node(2).OnDisconnect(func() { alone <- true })
		net.Isolate(2)
		<-alone
		net.Settle()
		say(t, net, 0, "hi")
		wantHeard(t, chat, "", "hi", "", "hi")
	})
}

// A crash is silent: the others notice after some seconds. A node that stops says goodbye.
func TestACrashIsSilentAndAStopIsNot(t *testing.T) {
	Run(t, 5, func(t *testing.T, net *Network) {
		crashes, stops := net.Node(1), net.Node(2)
		start := time.Now()
		net.Crash(1)
		if time.Since(start) > 0 {
			t.Error("a crash takes time")
		}
		time.Sleep(time.Second)
		if !sees(net, crashes.ID()) {
			t.Error("all know of the crash after a second")
		}
		net.Stop(2)
		time.Sleep(100 * time.Millisecond)
		if sees(net, stops.ID()) {
			t.Error("a node does not know of a goodbye")
		}
		net.Heal() // no effect; the crashed node stays down
		time.Sleep(time.Second)
		if !sees(net, crashes.ID()) {
			t.Error("all know of the crash after two seconds")
		}
		net.Settle()
		if sees(net, crashes.ID()) {
			t.Error("a node does not know of the crash")
		}
		for _, node := range []*smoke.Node{crashes, stops} {
			if err := node.Broadcast().Emit("chat", "boo"); !errors.Is(err, smoke.ErrStopped) {
				t.Errorf("the dead speak: %v", err)
			}
		}
		for i := range net.Nodes() {
			if i == 1 || i == 2 {
				t.Errorf("node %d is among those that run", i)
			}
		}
	})
}

// A new life has the options and the address of the one before, and Setup is called again.
func TestRestart(t *testing.T) {
	for name, end := range map[string]func(net *Network){
		"after a crash":    func(net *Network) { net.Crash(3) },
		"after a stop":     func(net *Network) { net.Stop(3) },
		"while it runs":    func(*Network) {},
		"a settled crash":  func(net *Network) { net.Crash(3); net.Settle() },
		"behind a cut":     func(net *Network) { net.Partition([]int{2, 3}); net.Crash(3); net.Settle() },
		"a seed, and rest": func(net *Network) { net.Restart(0); net.Crash(1); net.Settle(); net.Stop(3); net.Restart(1) },
	} {
		t.Run(name, func(t *testing.T) {
			configured, lives := 0, 0
			o := Options{
				Configure: func(t *testing.T, i int, o *smoke.Options) {
					if i == 3 {
						configured++
						o.MaxPeers = 4
					}
				},
				Setup: func(t *testing.T, i int, node *smoke.Node) {
					if i == 3 {
						lives++
					}
				},
			}
			RunWith(t, 5, o, func(t *testing.T, net *Network) {
				chat := Record[string](net, "chat")
				old := net.Node(3)
				end(net)
				net.Restart(3)
				net.Settle()
				node := net.Node(3)
				if node == old || node.ID() == old.ID() || node.Addr() != Addr(3) || configured != 1 || lives != 2 {
					t.Errorf("node %s at %s after node %s, configured %d times, lives: %d", node.ID(), node.Addr(), old.ID(), configured, lives)
				}
				say(t, net, 2, "hi")
				if got := chat.Heard(3); !slices.Equal(got, []string{"hi"}) {
					t.Errorf("in its new life it heard %q", got)
				}
				if got := chat.Heard(0); len(got) == 1 == (name == "behind a cut") {
					t.Errorf("node 0 heard %q", got)
				}
			})
		})
	}
}

// A node with a key keeps its id in its next life, also if the others have not noticed the
// end of the last one.
func TestAKeyOutlivesACrash(t *testing.T) {
	o := Options{Configure: func(t *testing.T, i int, o *smoke.Options) {
		var err error
		if o.Key, err = trust.NewKey(); err != nil {
			t.Fatal(err)
		}
		o.Secret = "4f1c9e02b7d85a63e0f29b14c7863da5"
		o.Signed = []string{smoke.AllEvents}
	}}
	RunWith(t, 4, o, func(t *testing.T, net *Network) {
		chat := Record[string](net, "chat")
		id := net.Node(3).ID()
		say(t, net, 3, "one")
		net.Crash(3)
		net.Restart(3)
		net.Settle()
		say(t, net, 3, "two")
		if net.Node(3).ID() != id {
			t.Error("it is another one")
		}
		wantHeard(t, chat, "one two", "one two", "one two", "")
		if got := chat.HeardFrom(0, 3); len(got) != 2 {
			t.Errorf("of its two lives node 0 heard %q", got)
		}
	})
}

// Goroutines that a program starts for a node can end with the test, or with the node.
func TestWhatAProgramStartsCanEnd(t *testing.T) {
	withTest, withNode, cleaned := 0, 0, 0
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		t.Cleanup(func() { cleaned++ })
		ended := make(chan bool, 2)
		// Owned by this life; the end of the test ends it, and the clean-up waits.
		go func() { <-t.Context().Done(); ended <- true }()
		// Owned by this life; the end of the node ends it, and the clean-up waits.
		go func() {
			defer func() { ended <- false }()
			for time.Sleep(time.Second); node.Broadcast().Emit("tick") == nil; {
				time.Sleep(time.Minute)
			}
		}()
		t.Cleanup(func() {
			for range 2 {
				if <-ended {
					withTest++
				} else {
					withNode++
				}
			}
		})
	}}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		net.Crash(0)
		net.Restart(0)
		net.Stop(1)
	})
	if withTest != 4 || withNode != 4 || cleaned != 4 {
		t.Errorf("%d ended with the test, %d with their node, %d were cleaned up", withTest, withNode, cleaned)
	}
}

func TestLatency(t *testing.T) {
	Run(t, 2, func(t *testing.T, net *Network) {
		came := make(chan time.Time, 1)
		net.Node(1).Broadcast().On("chat", func() { came <- time.Now() })
		took := func() time.Duration {
			start := time.Now()
			if err := net.Node(0).Broadcast().Emit("chat"); err != nil {
				t.Fatal(err)
			}
			return (<-came).Sub(start)
		}
		if d := took(); d != defaultLatency {
			t.Errorf("it took %v", d)
		}
		net.Latency(200*time.Millisecond, 0)
		net.Settle()
		if d := took(); d != 200*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		net.Latency(100*time.Millisecond, 50*time.Millisecond)
		net.Settle()
		for range 10 {
			if d := took(); d < 100*time.Millisecond || d > 150*time.Millisecond {
				t.Errorf("it took %v", d)
			}
		}
	})
}

// After Settle nothing is in flight: every node that could receive an event has received
// it.
func TestSettleWaitsForEvents(t *testing.T) {
	Run(t, 12, func(t *testing.T, net *Network) {
		words := Record[int](net, "word")
		net.Latency(20*time.Millisecond, 80*time.Millisecond)
		const each = 50
		speak := func() {
			for range each {
				for _, node := range net.Nodes() {
					if err := node.Broadcast().Emit("word", 1); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(7 * time.Millisecond)
			}
		}
		speak()
		net.Settle()
		for i := range net.Nodes() {
			if got := len(words.Heard(i)); got != 11*each {
				t.Errorf("node %d heard %d words of %d", i, got, 11*each)
			}
		}
		// Links break while events are in flight; the surviving nodes repair that.
		net.Crash(0)
		net.Crash(5)
		speak()
		net.Settle()
		for i := range net.Nodes() {
			for j := range net.Nodes() {
				if got := len(words.HeardFrom(i, j)); i != j && got != 2*each {
					t.Errorf("node %d heard %d words of node %d", i, got, j)
				}
			}
		}
	})
}

func BenchmarkHundredMinutes(b *testing.B) {
	for range b.N {
		minutes := testing.InternalTest{Name: "HundredMinutes", F: func(t *testing.T) {
			Run(t, 10, func(t *testing.T, net *Network) { time.Sleep(100 * time.Minute) })
		}}
		// A bubble needs a *testing.T.
		if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{minutes}) {
			b.Fatal("the test failed")
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/100min")
}

func TestAddrs(t *testing.T) {
	all := make(map[string]bool)
	for i := range 1000 {
		all[Addr(i)] = true
	}
	if len(all) != 1000 || Addr(0) != "10.0.0.1:8495" || Addr(255) != "10.0.1.0:8495" {
		t.Error(len(all), Addr(0), Addr(255))
	}
	Run(t, 1, func(t *testing.T, net *Network) {
		if got := fmt.Sprint(net.Add(), net.Add()); got != "1 2" {
			t.Errorf("the numbers of the next ones are %s", got)
		}
		net.Settle()
	})
}

// A program that emits continuously is never quiet, but it can be tested.
func TestAProgramThatEmitsAllTheTime(t *testing.T) {
	o := Options{Busy: true, Setup: func(t *testing.T, _ int, node *smoke.Node) {
		ctx := t.Context()
		go func() { // ends with the test
			for ctx.Err() == nil {
				node.Broadcast().EmitContext(ctx, "beat") // fails before Start
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		}()
	}}
	RunWith(t, 4, o, func(t *testing.T, net *Network) {
		if !net.Connected() {
			t.Fatal("it began too early")
		}
		net.Wait(10*time.Second, "all hear all", func() bool {
			for _, node := range net.Nodes() {
				if node.Stats().Delivered < 9 {
					return false
				}
			}
			return true
		})
	})
}
