package smoke_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

// A network of four nodes is cut in two halves for a minute. When the cut is over, nodes
// report the other half, and then that the halves are one network again. Package smoketest
// runs this in virtual time.
func ExampleNode_OnNetsplit() {
	var t testing.T           // a test uses its own
	var split, heal sync.Once // only the first node prints
	o := smoketest.Options{Setup: func(_ *testing.T, _ int, node *smoke.Node) {
		node.OnNetsplit(func(s smoke.Netsplit) {
			split.Do(func() { fmt.Println("a netsplit:", s.Ours != s.Other) })
		})
		node.OnHeal(func(h smoke.Heal) {
			heal.Do(func() { fmt.Println("healed within a minute:", h.After < time.Minute) })
		})
	}}
	smoketest.RunWith(&t, 4, o, func(_ *testing.T, net *smoketest.Network) {
		net.Partition([]int{0, 1}, []int{2, 3})
		time.Sleep(time.Minute)
		fmt.Println("the cut ends")
		net.Heal()
		net.Settle()
	})
	// Output:
	// the cut ends
	// a netsplit: true
	// healed within a minute: true
}

// A seed that does not answer is reported after ten seconds, and again when it is back.
func ExampleNode_OnSeedLost() {
	var t testing.T // a test uses its own
	o := smoketest.Options{Setup: func(_ *testing.T, i int, node *smoke.Node) {
		if i != 3 {
			return
		}
		node.OnSeedLost(func(s smoke.SeedLost) { fmt.Println("lost:", s.Addr == smoketest.Addr(0), s.Err != nil) })
		node.OnSeedBack(func(s smoke.SeedBack) { fmt.Println("back:", s.Addr == smoketest.Addr(0)) })
	}}
	smoketest.RunWith(&t, 4, o, func(_ *testing.T, net *smoketest.Network) {
		net.Stop(0)
		time.Sleep(time.Minute)
		fmt.Println("the seed starts again")
		net.Restart(0)
		net.Settle()
	})
	// Output:
	// lost: true true
	// the seed starts again
	// back: true
}
