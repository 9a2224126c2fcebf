package main

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var names = []string{"ann", "bob", "cem", "dee", "eve"}

// town holds people who are online, each with a node.
type town struct {
	*smoketest.Network
	t       *testing.T
	begun   chan struct{} // closed when all are connected: no output is expected before
	rosters [5]*roster
	leave   [5]context.CancelFunc
}

// withPeople runs a story with n people.
func withPeople(t *testing.T, n int, story func(t *testing.T, w *town)) {
	w := &town{}
	o := smoketest.Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		if w.begun == nil {
			w.begun = make(chan struct{}) // must be made inside the bubble
		}
		ctx, leave := context.WithCancel(t.Context())
		w.rosters[i], w.leave[i] = newRoster(node, names[i], io.Discard), leave
		var online sync.WaitGroup
		// Owned by the test: its context ends it, and the cleanup waits.
		online.Go(func() {
			select {
			case <-w.begun:
			case <-ctx.Done():
			}
			w.rosters[i].run(ctx)
		})
		t.Cleanup(online.Wait)
	}}
	smoketest.RunWith(t, n, o, func(t *testing.T, net *smoketest.Network) {
		w.Network, w.t = net, t
		close(w.begun)
		story(t, w)
	})
}

// sees waits until person i sees exactly these people online, and returns how long that
// took.
func (w *town) sees(i int, people string) time.Duration {
	w.t.Helper()
	begin := time.Now()
	w.Wait(time.Minute, names[i]+" sees "+people, func() bool {
		return strings.Join(w.rosters[i].Online(), " ") == people
	})
	return time.Since(begin)
}

func TestANewcomerSeesThePeopleOnline(t *testing.T) {
	withPeople(t, 3, func(t *testing.T, w *town) {
		w.sees(0, "ann bob cem")
		dee := w.Add()
		if took := w.sees(dee, "ann bob cem dee"); took >= beat {
			t.Errorf("it took %v: nobody has answered", took)
		}
		w.sees(0, "ann bob cem dee")
	})
}

func TestAPersonWhoLeavesSaysGoodbye(t *testing.T) {
	withPeople(t, 3, func(t *testing.T, w *town) {
		w.sees(0, "ann bob cem")
		w.leave[2]()
		if took := w.sees(0, "ann bob"); took >= time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAPersonWhoCrashesIsSilent(t *testing.T) {
	withPeople(t, 3, func(t *testing.T, w *town) {
		w.sees(0, "ann bob cem")
		w.Crash(2)
		w.leave[2]() // no node receives that
		if took := w.sees(0, "ann bob"); took < timeout-beat-time.Second || took > timeout+beat+time.Second {
			t.Errorf("it took %v", took)
		}
		w.Restart(2)
		w.sees(0, "ann bob cem")
		w.sees(2, "ann bob cem")
	})
}

// People on the other side of a partition go offline, and come back when it heals.
func TestANetsplit(t *testing.T) {
	withPeople(t, 5, func(t *testing.T, w *town) {
		const all = "ann bob cem dee eve"
		w.sees(0, all)
		w.Partition([]int{0, 1}, []int{2, 3, 4})
		w.sees(0, "ann bob")
		w.sees(3, "cem dee eve")
		time.Sleep(2 * time.Minute)
		w.sees(0, "ann bob")
		w.Heal()
		for i := range names {
			w.sees(i, all)
		}
	})
}

func TestWhatIsPrinted(t *testing.T) {
	var out strings.Builder
	r := newRoster(smoke.CreateNode(smoke.Options{Network: "presence test"}), "ann", &out)
	bob := smoke.ID{1}
	r.came(bob, "bob")
	r.came(bob, "bob")
	r.came(bob, "bo\nb")
	r.went(bob, "left")
	r.went(bob, "left")
	if got, want := out.String(), "+ \"bob\"\n+ \"bo\\nb\"\n- \"bo\\nb\" left\n"; got != want {
		t.Errorf("it prints\n%swant\n%s", got, want)
	}
}
