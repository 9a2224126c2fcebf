package peerlist

import (
	"slices"
	"time"
)

// toll is what one source (see [salt.source]) has cost this node lately. Each
// sum leaks away with time.
type toll struct {
	source uint16
	at     time.Duration // when the sums were brought up to date, since the book began
	taken  float32       // contacts for which others had to go
	failed float32       // dials in vain of addresses that it told of and that never worked
	asked  float32       // requests that wanted us to let somebody go
}

const (
	// A source may displace 64 addresses at once, and one every 10 s from then
	// on. Four neighbours of a large overlay that is at rest tell of fewer.
	takenBurst = 64
	takenLeak  = 0.1 // a second

	// Two dials a minute lead to addresses that one source made up, or that are
	// not worth more; see blamed.
	failedBurst = 2
	failedLeak  = 2.0 / 60 // a second

	// Four requests to let somebody go, and one in five minutes, are more than a
	// node has reason for: it asks each full node once and is accepted. A guess.
	askedBurst = 4
	askedLeak  = 1.0 / 300 // a second

	// maxTolls bounds the sources that are remembered. Who has cost least is
	// forgotten first.
	maxTolls = 256
)

// tolls are those of the sources that have cost anything lately.
type tolls struct{ list []toll }

// of is the toll of a source, up to date, to be added to.
func (t *tolls) of(now time.Duration, source uint16) *toll {
	if at := t.find(source); at >= 0 {
		t.list[at].leak(now)
		return &t.list[at]
	}
	if len(t.list) >= maxTolls {
		t.makeRoom(now)
	}
	t.list = append(t.list, toll{source: source, at: now})
	return &t.list[len(t.list)-1]
}

// look is the toll of a source, up to date; all zero if it has cost nothing.
func (t *tolls) look(now time.Duration, source uint16) toll {
	at := t.find(source)
	if at < 0 {
		return toll{source: source, at: now}
	}
	t.list[at].leak(now)
	return t.list[at]
}

func (t *tolls) find(source uint16) int {
	return slices.IndexFunc(t.list, func(x toll) bool { return x.source == source })
}

func (t *tolls) makeRoom(now time.Duration) {
	least := 0
	for i := range t.list {
		t.list[i].leak(now)
		if t.list[i].sum() < t.list[least].sum() {
			least = i
		}
	}
	t.list = slices.Delete(t.list, least, least+1)
}

func (x *toll) leak(now time.Duration) {
	gone := float32((now - x.at).Seconds())
	x.at = now
	x.taken = max(0, x.taken-gone*takenLeak)
	x.failed = max(0, x.failed-gone*failedLeak)
	x.asked = max(0, x.asked-gone*askedLeak)
}

// sum weighs the costs by what a source may have at once.
func (x *toll) sum() float32 {
	return x.taken/takenBurst + x.failed/failedBurst + x.asked/askedBurst
}

// isFlooding reports whether the source asks for places more often than anybody
// has reason to.
func (x *toll) isFlooding() bool { return x.asked >= askedBurst }

// flooding are the sources that do.
func (t *tolls) flooding(now time.Duration) (list []uint16) {
	for i := range t.list {
		if t.list[i].asked == 0 {
			continue
		}
		if t.list[i].leak(now); t.list[i].isFlooding() {
			list = append(list, t.list[i].source)
		}
	}
	return list
}

// blamed are the sources whose addresses lead nowhere.
func (t *tolls) blamed(now time.Duration) (list []uint16) {
	for i := range t.list {
		if t.list[i].failed == 0 {
			continue
		}
		if t.list[i].leak(now); t.list[i].failed > failedBurst-1 { // the next one would be too many
			list = append(list, t.list[i].source)
		}
	}
	return list
}
