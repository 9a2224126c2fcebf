package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "4f1c9e02b7d85a63e0f29b14c7863da5"

// lan runs machines that all have the same list of places, most of which are empty.
func lan(t *testing.T, n int, change func(i int, o *smoke.Options), story func(t *testing.T, net *smoketest.Network, boards []*bytes.Buffer)) {
	boards := make([]*bytes.Buffer, n)
	o := smoketest.Options{
		Configure: func(t *testing.T, i int, o *smoke.Options) {
			seeds, err := places([]string{"10.0.0.2-20"}, o.Port) // the first machine is at 10.0.0.1
			if err != nil {
				t.Fatal(err)
			}
			o.Seeds, o.Secret = seeds, secret
			if change != nil {
				change(i, o)
			}
		},
		Setup: func(t *testing.T, i int, node *smoke.Node) {
			boards[i] = new(bytes.Buffer)
			board(node, boards[i])
		},
	}
	smoketest.RunWith(t, n, o, func(t *testing.T, net *smoketest.Network) { story(t, net, boards) })
}

func wantNotice(t *testing.T, board *bytes.Buffer, notice string) {
	t.Helper()
	if !strings.Contains(board.String(), notice+"\n") {
		t.Errorf("the board shows\n%sand not %s", board, notice)
	}
}

func TestMachinesFindEachOther(t *testing.T) {
	lan(t, 4, nil, func(t *testing.T, net *smoketest.Network, boards []*bytes.Buffer) {
		if err := post(net.Node(0), "dinner is ready"); err != nil {
			t.Fatal(err)
		}
		net.Settle()
		for _, b := range boards[1:] {
			wantNotice(t, b, `: "dinner is ready"`)
		}
	})
}

// A switch between two rooms fails for three minutes.
func TestTheRoomsFindEachOtherAgain(t *testing.T) {
	lan(t, 4, nil, func(t *testing.T, net *smoketest.Network, boards []*bytes.Buffer) {
		net.Partition([]int{0, 1}, []int{2, 3})
		time.Sleep(3 * time.Minute)
		net.Heal()
		net.Settle()
		if err := post(net.Node(0), "light again"); err != nil {
			t.Fatal(err)
		}
		net.Settle()
		wantNotice(t, boards[3], `: "light again"`)
	})
}

func TestSignedNotices(t *testing.T) {
	sign := func(_ int, o *smoke.Options) { o.Signed = []string{smoke.AllEvents} }
	lan(t, 2, sign, func(t *testing.T, net *smoketest.Network, boards []*bytes.Buffer) {
		if err := post(net.Node(1), "it was me"); err != nil {
			t.Fatal(err)
		}
		net.Settle()
		wantNotice(t, boards[0], ` (signed): "it was me"`)
	})
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		likely, want, problem string
	}{
		{likely: "nas.lan 192.168.2.7", want: "nas.lan:8495 192.168.2.7:8495"},
		{likely: "living-room", want: "living-room:8495"},
		{likely: "fd00::1", want: "[fd00::1]:8495"},
		{likely: "192.168.2.9-11", want: "192.168.2.9:8495 192.168.2.10:8495 192.168.2.11:8495"},
		{likely: "192.168.2.254-255", want: "192.168.2.254:8495 192.168.2.255:8495"},
		{likely: "192.168.2.9-9", want: "192.168.2.9:8495"},
		{likely: "192.168.2.9-8", problem: "not a range"},
		{likely: "192.168.2.9-256", problem: "not a range"},
		{likely: "192.168.2.9-", problem: "not a range"},
		{likely: "fd00::1-2", problem: "not a range"},
		{likely: "192.168.2.1-64", want: "-"},
		{likely: "192.168.2.1-64 nas.lan", problem: "more than 64"},
		{likely: "192.168.2.0-255", problem: "more than 64"},
	} {
		got, err := places(strings.Fields(test.likely), 8495)
		switch {
		case test.problem != "":
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: %q, %v", test.likely, got, err)
			}
		case err != nil:
			t.Errorf("%s: %v", test.likely, err)
		case test.want != "-" && !slices.Equal(got, strings.Fields(test.want)):
			t.Errorf("%s: %q", test.likely, got)
		case smoke.Options{Address: "192.168.2.7", Seeds: got}.Validate() != nil:
			t.Errorf("%s: a node takes no %q", test.likely, got)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Setenv("SMOKE_SECRET", secret)
	o, err := optionsOf("127.0.0.0/8", 8495, true, []string{"127.0.0.1"})
	if err != nil || o.Address != "127.0.0.1" || o.Secret != secret || !slices.Equal(o.Seeds, []string{"127.0.0.1:8495"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}
