package overlay

import (
	"encoding/binary"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

// The frames with a false signature of many new ids do not make a node forget those of an
// id that has sent two.
func TestStrikesOfNewIDsClearNoOthers(t *testing.T) {
	var s strikes
	liar := ident.ID{9}
	s.add(liar)
	s.add(liar)
	for n := range uint64(3 * maxStrikes) {
		var id ident.ID
		binary.BigEndian.PutUint64(id[8:], n+1)
		s.add(id)
		if len(s) > maxStrikes {
			t.Fatalf("%d ids are remembered", len(s))
		}
	}
	if got := s.add(liar); got != maxRefused {
		t.Errorf("the third frame counts as number %d", got)
	}
}
