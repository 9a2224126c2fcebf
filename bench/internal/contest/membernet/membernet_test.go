package membernet

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/contesttest"
)

func TestPacketsCarry(t *testing.T) { contesttest.Carry(t, BestEffort, false) }

// TestTheQueueSpreads: messages arrive at other nodes, once and unchanged. Some do not arrive,
// because memberlist chooses at random which message goes to which node.
func TestTheQueueSpreads(t *testing.T) {
	ledger := check.NewLedger(4, 128)
	net := contesttest.Open(t.Context(), t, Queue, ledger)
	for range 20 {
		if err := net.Emit(ledger.Next(0, 0)); err != nil {
			t.Fatal(err)
		}
		ledger.Sent(0)
	}
	for ledger.Delivered() < 20 {
		select {
		case <-t.Context().Done():
			t.Fatalf("only %+v", ledger.Counts())
		case <-time.After(time.Millisecond):
		}
	}
	if err := net.Close(); err != nil {
		t.Error(err)
	}
	if got := ledger.Counts(); got.Doubled+got.Corrupt > 0 {
		t.Errorf("got %+v", got)
	}
}
