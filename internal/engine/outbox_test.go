package engine

import (
	"slices"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/untaken"
)

// Events that enter the outbox while the writer writes do not count as taken by the writer.
func TestWhatIsWrittenIsNotWhatWaits(t *testing.T) {
	var u unsaid
	for round := range uint64(4) {
		first := untaken.Span{From: round * 10, To: round*10 + 5}
		u.own = append(u.own, first)
		u.take()
		u.own = append(u.own, untaken.Span{From: first.To, To: first.To + 5})
		if !slices.Equal(u.ownTaken, []untaken.Span{first}) {
			t.Fatalf("round %d: the writer has %v, want %v", round, u.ownTaken, first)
		}
		u.own, u.ownTaken = u.own[:0], u.ownTaken[:0]
	}
}
