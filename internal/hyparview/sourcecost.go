package hyparview

import (
	"slices"
	"time"
)

// sourceCost counts the cost that one source (see [salt.source]) has caused lately. Each
// sum decreases at a fixed rate.
type sourceCost struct {
	source uint16
	at     time.Duration // when the sums were last updated, as time since the book began
	taken  float32       // contacts of the source that displaced others
	failed float32       // failed dials of addresses that the source reported and that never worked
	asked  float32       // high-priority requests that the source sent
}

const (
	// A source may displace 64 addresses at once, then one every 10 s. In a large overlay
	// without changes, four neighbours together report fewer.
	takenBurst = 64
	takenLeak  = 0.1 // per second

	// Invented addresses from one source cost at most two dials per minute; see blamed.
	failedBurst = 2
	failedLeak  = 2.0 / 60 // per second

	// A source floods if it sends four high-priority requests, and then more than one in
	// five minutes. An honest node asks each full node once and is accepted. A guess.
	askedBurst = 4
	askedLeak  = 1.0 / 300 // per second

	// maxCosts bounds the sources that are remembered. The source with the lowest cost is
	// dropped first.
	maxCosts = 256
)

// sourceCosts holds the sources that have cost anything lately.
type sourceCosts struct{ list []sourceCost }

// of returns the cost of a source at the time now, for the caller to add to.
func (t *sourceCosts) of(now time.Duration, source uint16) *sourceCost {
	if at := t.find(source); at >= 0 {
		t.list[at].leak(now)
		return &t.list[at]
	}
	if len(t.list) >= maxCosts {
		t.dropCheapest(now)
	}
	t.list = append(t.list, sourceCost{source: source, at: now})
	return &t.list[len(t.list)-1]
}

// look returns the cost of a source at the time now. It is zero if the source has caused
// none.
func (t *sourceCosts) look(now time.Duration, source uint16) sourceCost {
	at := t.find(source)
	if at < 0 {
		return sourceCost{source: source, at: now}
	}
	t.list[at].leak(now)
	return t.list[at]
}

func (t *sourceCosts) find(source uint16) int {
	return slices.IndexFunc(t.list, func(x sourceCost) bool { return x.source == source })
}

func (t *sourceCosts) dropCheapest(now time.Duration) {
	least := 0
	for i := range t.list {
		t.list[i].leak(now)
		if t.list[i].sum() < t.list[least].sum() {
			least = i
		}
	}
	t.list = slices.Delete(t.list, least, least+1)
}

func (x *sourceCost) leak(now time.Duration) {
	gone := float32((now - x.at).Seconds())
	x.at = now
	x.taken = max(0, x.taken-gone*takenLeak)
	x.failed = max(0, x.failed-gone*failedLeak)
	x.asked = max(0, x.asked-gone*askedLeak)
}

// sum adds the costs, each relative to its burst.
func (x *sourceCost) sum() float32 {
	return x.taken/takenBurst + x.failed/failedBurst + x.asked/askedBurst
}

// isFlooding reports whether the source sends more high-priority requests than an
// honest node would.
func (x *sourceCost) isFlooding() bool { return x.asked >= askedBurst }

// flooding returns the sources that flood this node.
func (t *sourceCosts) flooding(now time.Duration) (list []uint16) {
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

// blamed returns the sources that have reported too many dead addresses.
func (t *sourceCosts) blamed(now time.Duration) (list []uint16) {
	for i := range t.list {
		if t.list[i].failed == 0 {
			continue
		}
		if t.list[i].leak(now); t.list[i].failed > failedBurst-1 { // one more dead address would be too many
			list = append(list, t.list[i].source)
		}
	}
	return list
}
