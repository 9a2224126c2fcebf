package smoke_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Strangers announce the longest frame, and send its first bytes only. Memory for a frame grows
// as its bytes arrive.
func TestAHeaderTakesNoMemory(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const strangers = 100
	header := []byte{0x80, 0x80, 0x40, 0x30, 0} // a GOSSIP of a mebibyte
	var visitors []*stranger
	for n := range strangers {
		who := visit(t, ann.Addr())
		greeting := hello()
		binary.BigEndian.PutUint64(greeting.ID[8:], uint64(n+1))
		who.say(greeting)
		who.next()
		visitors = append(visitors, who)
	}
	before, bytes := heap(), ann.Stats().BytesIn
	for _, who := range visitors {
		who.mumble(header)
	}
	s.eventually("the node reads the headers", func() bool {
		return ann.Stats().BytesIn >= bytes+uint64(strangers*len(header))
	})
	if each := (int64(heap()) - int64(before)) / strangers; each > 64<<10 {
		t.Errorf("each of %d headers of five bytes takes %d bytes", strangers, each)
	}
}
