package smoke_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func TestFormTCP(t *testing.T) {
	const n = 100
	var nodes []*smoke.Node
	var downs, recv, gaps atomic.Int64
	mk := func(o smoke.Options) *smoke.Node {
		node := smoke.CreateNode(o)
		node.Peers().OnRemove(func(*smoke.Peer) { downs.Add(1) })
		node.OnGap(func(smoke.Gap) { gaps.Add(1) })
		smoke.On(node.Broadcast(), "chat", func(e smoke.Event, s string) { recv.Add(1) })
		return node
	}
	seed := mk(smoke.Options{})
	if err := seed.Start(); err != nil {
		t.Fatal(err)
	}
	nodes = append(nodes, seed)
	for range n - 1 {
		nodes = append(nodes, mk(smoke.Options{Seeds: []string{seed.Addr()}}))
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, x := range nodes[1:] {
		wg.Go(func() {
			if err := x.Start(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Log("started", time.Since(start))
	for {
		ok := true
		for _, x := range nodes {
			ok = ok && x.Peers().Len() >= 3
		}
		if ok || time.Since(start) > 10*time.Second {
			break
		}
		time.Sleep(time.Millisecond)
	}
	t.Log("formed", time.Since(start), "removed", downs.Load())
	c, err := nodes[5].Count(t.Context())
	t.Log("count", c, err, time.Since(start))
	for i, x := range nodes {
		if err := x.Broadcast().Emit("chat", fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	}
	for recv.Load() < n*(n-1) && time.Since(start) < 15*time.Second {
		time.Sleep(time.Millisecond)
	}
	t.Log("all heard", recv.Load(), time.Since(start), "removed", downs.Load(), "gaps", gaps.Load())
	b := time.Now()
	for i := range 20000 {
		if err := nodes[i%3].Broadcast().Emit("chat", "helloooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo"); err != nil {
			t.Error(err)
		}
	}
	want := int64(n*(n-1) + 20000*(n-1))
	for recv.Load() < want && time.Since(b) < 15*time.Second {
		time.Sleep(time.Millisecond)
	}
	d := time.Since(b)
	t.Log("flood", recv.Load(), want, d, float64(20000*(n-1))/d.Seconds(), "gaps", gaps.Load(), "removed", downs.Load())
	s := time.Now()
	for _, x := range nodes {
		wg.Go(func() {
			if err := x.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Log("stopped", time.Since(s))
}
