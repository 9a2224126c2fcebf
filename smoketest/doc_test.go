package smoketest_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

var t *testing.T // the t of a test function

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
		if got := chat.Heard(4); len(got) != 1 || got[0] != "welcome back" {
			t.Errorf("node 4 heard %q", got)
		}
	})
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
	})
}

// The examples of the documentation are run like other tests.
func TestExamples(now *testing.T) {
	t = now
	defer func() { t = nil }()
	ExampleRun()
	ExampleRunWith()
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
