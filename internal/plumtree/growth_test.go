package plumtree

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// BenchmarkMemoryOfOrigins measures the memory that a node needs for an origin whose events
// have left the history, and for an event in the history.
func BenchmarkMemoryOfOrigins(b *testing.B) {
	for _, origins := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("origins=%d", origins), func(b *testing.B) {
			for b.Loop() {
				before := heapInUse()
				tree := NewTree(birth, Config{Self: origin(0), Rand: rand.New(rand.NewPCG(1, 1))})
				tree.LinkUp(birth, 1, peerOn(1), discard{})
				for n := range origins {
					var o ident.Origin
					binary.BigEndian.PutUint64(o.ID[:], uint64(n+1))
					tree.Handle(birth, 1, large(o, 1, 128), discard{})
				}
				full := heapInUse()
				tree.Advance(birth.Add(time.Hour), discard{})
				tree.history.log, tree.history.relayed, tree.history.events = nil, nil, nil
				empty := heapInUse()
				b.ReportMetric(float64(full-before)/float64(origins), "B/origin-with-an-event")
				b.ReportMetric(float64(empty-before)/float64(origins), "B/origin")
				runtime.KeepAlive(tree)
			}
		})
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
