package recipes

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// neighbour is node j as node i sees it.
func neighbour(t *testing.T, net *smoketest.Network, i, j int) *smoke.Peer {
	t.Helper()
	p, ok := net.Node(i).Peers().Get(net.Node(j).ID())
	if !ok {
		t.Fatalf("node %d is no neighbour of node %d", j, i)
	}
	return p
}

func TestAskingNeighbours(t *testing.T) {
	var askers [3]*Asker
	o := smoketest.Options{Setup: func(_ *testing.T, i int, node *smoke.Node) {
		askers[i] = NewAsker(node, strings.ToUpper)
	}}
	smoketest.RunWith(t, len(askers), o, func(t *testing.T, net *smoketest.Network) {
		for _, j := range []int{1, 2} {
			if got, err := askers[0].Ask(t.Context(), neighbour(t, net, 0, j), "what is up?"); got != "WHAT IS UP?" || err != nil {
				t.Errorf("node %d answers %q, %v", j, got, err)
			}
		}
		gone := neighbour(t, net, 0, 2)
		net.Crash(2)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if got, err := askers[0].Ask(ctx, gone, "still there?"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody answers %q, %v", got, err)
		}
		net.Settle()
		if got, err := askers[0].Ask(t.Context(), gone, "and now?"); !errors.Is(err, smoke.ErrPeerGone) {
			t.Errorf("nobody answers %q, %v", got, err)
		}
		if len(askers[0].waiting) != 0 {
			t.Error("questions are left")
		}
	})
}

// An answer without a question, or from another neighbour, is ignored.
func TestAnswersOfOthersDoNotCount(t *testing.T) {
	a := NewAsker(smoke.CreateNode(smoke.Options{Network: "recipes test"}), strings.ToUpper)
	bob, eve := smoke.ID{1}, smoke.ID{2}
	answers := make(chan string, 1)
	a.waiting[call{bob, 7}] = answers
	a.onAnswer(call{eve, 7}, "eve's")
	a.onAnswer(call{bob, 8}, "early")
	a.onAnswer(call{bob, 7}, "bob's")
	a.onAnswer(call{bob, 7}, "again")
	if got := <-answers; got != "bob's" || len(answers) != 0 {
		t.Errorf("the answer is %q", got)
	}
}

// A payment is emitted before a partition, during it and after it, by two lives of the
// payer and to two lives of the account. It is executed once.
func TestAPaymentIsDoneOnce(t *testing.T) {
	const payer, teller = 0, 3
	account := NewAccount() // outlives its node, like a database
	var payers [4]*Payer
	var said atomic.Int32
	o := smoketest.Options{
		Configure: func(_ *testing.T, _ int, o *smoke.Options) { o.History.Age = 5 * time.Second },
		Setup: func(_ *testing.T, i int, node *smoke.Node) {
			payers[i] = NewPayer(node)
			if i == teller {
				account.Serve(node)
				node.Broadcast().On("pay", func() { said.Add(1) })
			}
		},
	}
	smoketest.RunWith(t, len(payers), o, func(t *testing.T, net *smoketest.Network) {
		payment := NewPayment("ann", 5)
		if err := payers[payer].Pay(t.Context(), payment); err != nil || account.Balance("ann") != 5 {
			t.Fatalf("%v, the balance is %d", err, account.Balance("ann"))
		}
		if err := payers[payer].Pay(t.Context(), payment); err != nil { // it repeats the payment as if the answer had been lost
			t.Error(err)
		}

		second := NewPayment("ann", 2)
		net.Isolate(teller)
		net.Settle()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := payers[payer].Pay(ctx, second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("paid across a cut: %v", err)
		}
		net.Restart(payer)
		net.Restart(teller)
		net.Heal()
		if err := payers[payer].Pay(t.Context(), second); err != nil {
			t.Error(err)
		}
		if err := payers[payer].Pay(t.Context(), second); err != nil {
			t.Error(err)
		}
		if got := account.Balance("ann"); got != 7 || said.Load() < 4 {
			t.Errorf("the balance is %d, after %d events", got, said.Load())
		}
	})
}
