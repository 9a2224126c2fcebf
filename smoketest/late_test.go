package smoketest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// These tests repeat what comparable projects test for late subscribers.

// watermill, TestPublishSubscribe with the publishing first: an event has reached a node
// without a handler for it. A handler that is registered later gets it from the history.
func TestPublishFirstSubscribeLater(t *testing.T) {
	Run(t, 2, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 100, 10*time.Millisecond)
		net.Settle()
		var late notes
		b := net.Node(1).Broadcast()
		b.On("n", func(i int) { late.add(fmt.Sprint(i)) }, smoke.Rewind(time.Minute))
		net.Settle()
		late.want(t, upTo(1, 100))

		var pulled notes
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		box := smoke.Messages[int](ctx, b, "n", smoke.Rewind(time.Minute))
		loop.Go(func() { // ends with ctx; the test waits
			for _, i := range box {
				pulled.add(fmt.Sprint(i))
			}
		})
		net.Settle()
		cancel()
		loop.Wait()
		pulled.want(t, upTo(1, 100))
	})
}

// watermill, TestNewSubscriberReceivesOldMessages and TestConcurrentSubscribe: several
// nodes start at once while messages keep coming. Each receives all, once and in order.
func TestNewSubscribersReceiveOldMessages(t *testing.T) {
	var heard [8]notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		if i >= 3 {
			listen(node, &heard[i], smoke.Rewind(time.Minute))
		}
	}}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 200, 10*time.Millisecond)
		for range 5 {
			net.Add()
		}
		tick(t, net, 0, 201, 300, 10*time.Millisecond)
		net.Settle()
		for i := 3; i < 8; i++ {
			heard[i].want(t, upTo(1, 300))
		}
	})
}

// serf, TestSerf_Join_IgnoreOld: with "ignore old", a joining node receives none of the
// older events; without it, all of them.
func TestJoinWithAndWithoutIgnoreOld(t *testing.T) {
	var ignores, replays notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		switch i {
		case 2:
			listen(node, &ignores)
		case 3:
			listen(node, &replays, smoke.Rewind(time.Hour))
		}
	}}
	RunWith(t, 2, o, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 3, 0) // an instant before
		time.Sleep(50 * time.Millisecond)
		net.Add()
		net.Add()
		net.Settle()
		ignores.want(t, "")
		replays.want(t, upTo(1, 3))
		tick(t, net, 0, 4, 4, 0)
		net.Settle()
		ignores.want(t, "4")
		replays.want(t, upTo(1, 4))
	})
}

// centrifuge, TestRedisBrokerRecover and History: a client that knows a position in a
// stream (an epoch and an offset) gets the messages that were published since. Here a
// position is Event.Origin, Epoch and Seq.
func TestRecoverSinceAPosition(t *testing.T) {
	type position struct {
		origin smoke.ID
		epoch  uint64
	}
	var mu sync.Mutex // guards seen
	seen := make(map[position]uint64)
	var live, recovered notes
	recover := func(node *smoke.Node, n *notes) {
		smoke.On(node.Broadcast(), "n", func(e smoke.Event, i int) {
			mu.Lock()
			defer mu.Unlock()
			at := position{e.Origin, e.Epoch}
			if e.Seq <= seen[at] {
				return
			}
			seen[at] = e.Seq
			n.add(fmt.Sprint(i))
		}, smoke.Rewind(time.Minute))
	}
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		switch i {
		case 2:
			recover(node, &live)
		case 3: // the same client, on another node
			recover(node, &recovered)
		}
	}}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		tick(t, net, 0, 1, 20, 10*time.Millisecond)
		net.Settle()
		net.Stop(2)
		tick(t, net, 0, 21, 40, 10*time.Millisecond)
		net.Add()
		tick(t, net, 0, 41, 60, 10*time.Millisecond)
		net.Settle()
		live.want(t, upTo(1, 20))
		recovered.want(t, upTo(21, 60))
	})
}

// ataraxia, PerNodeState: each node has a value. A late reader gets the last value of each,
// a link that returns changes nothing, and a reading node gets each change once.
func TestTheLastValueOfEachNode(t *testing.T) {
	type register struct {
		mu     sync.Mutex // guards everything below
		values map[smoke.ID]string
		events int
	}
	registers := make(map[int]*register)
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		r := &register{values: make(map[smoke.ID]string)}
		registers[i] = r
		smoke.On(node.Broadcast(), "state", func(e smoke.Event, value string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.values[e.Origin] = value
			r.events++
		}, smoke.Rewind(time.Minute), smoke.Echo())
	}}
	RunWith(t, 3, o, func(t *testing.T, net *Network) {
		want := make(map[smoke.ID]string)
		set := func(i int, value string) {
			if err := net.Node(i).Broadcast().Emit("state", value); err != nil {
				t.Fatal(err)
			}
			want[net.Node(i).ID()] = value
		}
		check := func(nodes, events int) {
			t.Helper()
			net.Settle()
			for i := range nodes {
				r := registers[i]
				r.mu.Lock()
				if !maps.Equal(r.values, want) || r.events != events {
					t.Errorf("node %d has %v after %d events, want %v after %d", i, r.values, r.events, want, events)
				}
				r.mu.Unlock()
			}
		}
		check(3, 0) // undefined at first
		set(0, "a")
		set(0, "b")
		set(1, "c")
		check(3, 3)
		net.Add()
		check(4, 3) // the late reader too
		net.Partition([]int{3})
		net.Settle()
		set(2, "d")
		net.Heal()
		check(4, 4) // once, and nothing twice
	})
}

// n-squared and memberlist: nodes come and go while a log is written. Every node that asks
// for the whole log gets the lines that the others hold, and no node has a line twice.
func TestALogWhileNodesComeAndGo(t *testing.T) {
	var heard [16]notes
	o := Options{Setup: func(t *testing.T, i int, node *smoke.Node) { listen(node, &heard[i], smoke.Rewind(time.Hour)) }}
	RunWith(t, 4, o, func(t *testing.T, net *Network) {
		n := 0
		for round := range 10 {
			i := net.Add()
			tick(t, net, 0, n+1, n+20, 50*time.Millisecond)
			n += 20
			if round%2 == 0 {
				net.Stop(i)
			}
		}
		net.Settle()
		for i := range net.Nodes() {
			if i == 0 {
				continue
			}
			if got := heard[i].String(); got != upTo(1, n) {
				t.Errorf("node %d heard %d lines: %.200s", i, len(strings.Fields(got)), got)
			}
		}
	})
}
