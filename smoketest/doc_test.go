package smoketest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

// Examples have a t of their own. A test uses the one that it gets.
var t = new(testing.T)

// A node crashes, and its next life does not receive what was emitted meanwhile.
func ExampleRun() {
	smoketest.Run(t, 5, func(t *testing.T, net *smoketest.Network) {
		chat := smoketest.Record[string](net, "chat")
		net.Crash(4)
		net.Node(0).Broadcast().Emit("chat", "while you were away")
		net.Settle()
		time.Sleep(10 * time.Minute) // takes no time
		net.Restart(4)
		net.Settle()
		net.Node(0).Broadcast().Emit("chat", "welcome back")
		net.Settle()
		fmt.Printf("%q\n", chat.Heard(4))
	})
	// Output: ["welcome back"]
}

// Nodes are configured as in production. These have a secret, so their links are encrypted.
func ExampleRunWith() {
	o := smoketest.Options{
		Configure: func(t *testing.T, i int, o *smoke.Options) {
			o.Secret = "4f1c9e02b7d85a63e0f29b14c7863da5"
			o.MinPeers, o.MaxPeers = 2, 4
		},
	}
	smoketest.RunWith(t, 8, o, func(t *testing.T, net *smoketest.Network) {
		net.Isolate(0)
		net.Wait(time.Minute, "node 0 notices that it is alone", func() bool {
			return net.Node(0).Peers().Len() == 0
		})
		fmt.Println("node 0 is alone")
	})
	// Output: node 0 is alone
}

// An event reaches the nodes on one side of a cut at once, and the others when it heals.
func ExampleNetwork_Partition() {
	smoketest.Run(t, 4, func(t *testing.T, net *smoketest.Network) {
		chat := smoketest.Record[string](net, "chat")
		print := func() {
			for i := range net.Nodes() {
				fmt.Printf("%q ", chat.Heard(i))
			}
			fmt.Println(net.Connected())
		}
		net.Partition([]int{0, 1}, []int{2, 3})
		net.Settle()
		net.Node(0).Broadcast().Emit("chat", "hello")
		net.Settle()
		print()
		net.Heal()
		net.Settle()
		print()
	})
	// Output:
	// [] ["hello"] [] [] true
	// [] ["hello"] ["hello"] ["hello"] true
}

// Events take other paths around a cut between two nodes.
func ExampleNetwork_Cut() {
	smoketest.Run(t, 3, func(t *testing.T, net *smoketest.Network) {
		chat := smoketest.Record[string](net, "chat")
		net.Latency(50*time.Millisecond, 10*time.Millisecond)
		net.Cut(0, 2)
		net.Settle()
		net.Node(0).Broadcast().Emit("chat", "hello")
		net.Wait(time.Second, "node 2 has heard it", func() bool { return len(chat.Heard(2)) == 1 })
		fmt.Println(chat.Heard(2))

		net.Isolate(0)
		net.Settle()
		fmt.Println(net.Node(0).Peers().Len(), net.Node(1).Peers().Len())
	})
	// Output:
	// [hello]
	// 0 1
}

// A node that stops says goodbye, and one that crashes does not. Restart gives either a new
// life at the same address. Add starts a further node.
func ExampleNetwork_Restart() {
	smoketest.Run(t, 3, func(t *testing.T, net *smoketest.Network) {
		net.Stop(1)
		net.Crash(2)
		net.Settle()
		fmt.Println(net.Node(0).Peers().Len(), "neighbours")
		net.Restart(1)
		net.Restart(2)
		added := net.Add()
		net.Settle()
		fmt.Println(net.Node(0).Peers().Len(), "neighbours")
		fmt.Println(net.Node(added).Addr() == smoketest.Addr(added))
	})
	// Output:
	// 0 neighbours
	// 3 neighbours
	// true
}

// The order of events is that of each origin.
func ExampleRecorder() {
	smoketest.Run(t, 3, func(t *testing.T, net *smoketest.Network) {
		numbers := smoketest.Record[int](net, "number")
		for n := range 3 {
			net.Node(0).Broadcast().Emit("number", n)
			net.Node(1).Broadcast().Emit("number", 10+n)
		}
		net.Settle()
		fmt.Println(len(numbers.Heard(2)), numbers.HeardFrom(2, 0), numbers.HeardFrom(2, 1))
	})
	// Output: 6 [0 1 2] [10 11 12]
}

// The file that docs/testing.md shows is a test of this package.
func TestThePageShowsTheExample(t *testing.T) {
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```go\n"+string(example)+"```\n") {
		t.Error("docs/testing.md does not show example_test.go: copy it again")
	}
}
