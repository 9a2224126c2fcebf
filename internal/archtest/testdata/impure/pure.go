// Everything here is allowed: nothing is wanted.
package impure

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

type machine struct {
	now   time.Time
	rng   *rand.Rand
	peers map[string]time.Duration
	addr  netip.Addr
}

func newMachine(seed uint64) *machine {
	return &machine{rng: rand.New(rand.NewPCG(seed, 1)), peers: make(map[string]time.Duration)}
}

func (m *machine) Now() time.Time { return m.now }

func (m *machine) pick() (string, error) {
	n := 0
	for range m.peers { // order does not matter: only counts
		n++
	}
	// order does not matter: the greatest is the same in any
	for _, d := range m.peers {
		m.now = m.now.Add(max(d, 0))
	}
	maps.DeleteFunc(m.peers, func(string, time.Duration) bool { return n > 9 }) // order does not matter: each on its own
	keys := slices.Sorted(maps.Keys(m.peers))
	keys = append(keys, slices.SortedFunc(maps.Keys(m.peers), cmp.Compare)...)
	if len(keys) == 0 {
		return "", fmt.Errorf("nobody at %s since %s", m.addr, m.Now().UTC())
	}
	for i := range keys {
		_ = i
	}
	return keys[m.rng.IntN(len(keys))], nil
}
