package smoke

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// watched is a node that records reports of conflicts, and the warnings in its log.
type watched struct {
	*Node
	mu        sync.Mutex // guards all below
	conflicts []Conflict
	lost      []SeedLost
	back      []string
	warnings  strings.Builder
}

func watch(t *testing.T, o Options) *watched {
	t.Helper()
	w := new(watched)
	o.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.Node = CreateNode(o)
	w.OnConflict(func(c Conflict) { w.mu.Lock(); defer w.mu.Unlock(); w.conflicts = append(w.conflicts, c) })
	w.OnSeedLost(func(l SeedLost) { w.mu.Lock(); defer w.mu.Unlock(); w.lost = append(w.lost, l) })
	w.OnSeedBack(func(b SeedBack) { w.mu.Lock(); defer w.mu.Unlock(); w.back = append(w.back, b.Addr) })
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Stop() })
	return w
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.warnings.Write(b)
}

// wantConflict checks that there is one report, and one warning for each report.
func (w *watched) wantConflict(t *testing.T, what string, addr string, yields bool) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.conflicts) == 0 {
		t.Errorf("%s: nothing is reported", what)
		return
	}
	c := w.conflicts[0]
	if c.ID != w.ID() || c.Addr != addr || c.Yields != yields {
		t.Errorf("%s: reported %+v, want the address %q and yields %v", what, c, addr, yields)
	}
	if n := strings.Count(w.warnings.String(), "another node with this node's id"); n != len(w.conflicts) || w.Stats().Conflicts != uint64(n) {
		t.Errorf("%s: %d reports, %d warnings, %d in Stats", what, len(w.conflicts), n, w.Stats().Conflicts)
	}
}

// Two nodes with one id learn of each other, however they meet.
func TestTwinsLearnOfEachOther(t *testing.T) {
	const seed, first, second = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"
	for _, encrypted := range []bool{false, true} {
		identity := Options{ID: ID{7}}
		if encrypted {
			identity = Options{Key: newTestKey(t)}
		}
		arrangement := func(what string, play func(t *testing.T, node func(addr string, o Options, seeds ...string) *watched)) {
			t.Run(fmt.Sprintf("%s, encrypted %v", what, encrypted), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					network := mem.New()
					play(t, func(addr string, o Options, seeds ...string) *watched {
						ip, _, _ := strings.Cut(addr, ":")
						o.Address, o.Port, o.Seeds, o.Transport = ip, 1, seeds, network.Host(ip)
						if encrypted && o.Key == nil {
							o.Key = newTestKey(t)
						}
						return watch(t, o)
					})
				})
			})
		}
		arrangement("one is the seed", func(t *testing.T, node func(string, Options, ...string) *watched) {
			a := node(first, identity)
			b := node(second, identity, first)
			time.Sleep(5 * time.Second)
			a.wantConflict(t, "the older one", second, true)
			b.wantConflict(t, "the later one", first, false)
			if err := b.AddPeer(t.Context(), first); !errors.Is(err, ErrSameID) {
				t.Errorf("AddPeer says %v", err)
			}
			time.Sleep(5 * time.Minute)
			for _, n := range []*watched{a, b} {
				if got := len(n.conflicts); got < 2 || got > 7 {
					t.Errorf("%d reports in five minutes", got)
				}
			}
			if failed := b.Stats().DialsFailed + a.Stats().Refused.Handshakes; failed > 60 {
				t.Errorf("%d dials", failed)
			}
		})
		arrangement("a common neighbour", func(t *testing.T, node func(string, Options, ...string) *watched) {
			c := node(seed, Options{})
			a := node(first, identity, seed)
			time.Sleep(time.Second)
			b := node(second, identity, seed)
			time.Sleep(20 * time.Second)
			a.wantConflict(t, "the older one", second, true)
			b.wantConflict(t, "the later one", first, false)
			if a.conflicts[0].By != c.ID() || b.conflicts[0].By != c.ID() || c.Stats().Conflicts != 0 {
				t.Errorf("reported by %v and %v", a.conflicts[0].By, b.conflicts[0].By)
			}
			added := c.Stats().PeersAdded
			time.Sleep(5 * time.Minute)
			if swaps := c.Stats().PeersAdded - added; swaps > 5 || c.Peers().Len() != 1 || b.Peers().Len() != 1 {
				t.Errorf("%d swaps in five minutes, %d neighbours", swaps, c.Peers().Len())
			}
		})
		arrangement("no common neighbour", func(t *testing.T, node func(string, Options, ...string) *watched) {
			// A chain with room for two links each, so that the twins stay apart.
			chain := Options{MinPeers: 1, MaxPeers: 2}
			node("10.0.1.1:1", chain)
			node("10.0.1.2:1", chain, "10.0.1.1:1")
			node("10.0.1.3:1", chain, "10.0.1.2:1")
			time.Sleep(time.Second)
			end := identity
			end.MinPeers, end.MaxPeers = 1, 1
			a := node(first, end, "10.0.1.1:1")
			b := node(second, end, "10.0.1.3:1")
			time.Sleep(20 * time.Second)
			for range 20 {
				for _, n := range []*watched{a, b} {
					if err := n.Broadcast().Emit("here"); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
			}
			if len(a.conflicts) == 0 || len(b.conflicts) == 0 || !a.conflicts[0].Yields || b.conflicts[0].Yields {
				t.Errorf("reported %v and %v", a.conflicts, b.conflicts)
			}
		})
	}
}

// A node that starts again at once, with the same id, is no conflict: after a crash, after
// Stop, and while others send it the events of its earlier life.
func TestARestartIsNoConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		start := func(ip string, o Options) *watched {
			o.Address, o.Port, o.Transport = ip, 1, network.Host(ip)
			return watch(t, o)
		}
		key := newTestKey(t)
		seed := start("10.0.0.1", Options{Key: newTestKey(t)})
		other := start("10.0.0.3", Options{Key: newTestKey(t), Seeds: []string{"10.0.0.1:1"}})
		for life := range 6 {
			a := start("10.0.0.2", Options{Key: key, Seeds: []string{"10.0.0.1:1"}})
			time.Sleep(2 * time.Second)
			for range 50 {
				if err := a.Broadcast().Emit("x"); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Duration(life) * 10 * time.Second)
			if life%2 == 0 {
				network.Kill("10.0.0.2")
			}
			a.Stop()
			for _, n := range []*watched{seed, other, a} {
				if len(n.conflicts) > 0 {
					t.Fatalf("life %d: reported %+v", life, n.conflicts)
				}
			}
		}
	})
}

// A node dials a seed's address again although it met its own id there. Here another node
// listens there later.
func TestASeedIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		id := ID{1, 2, 3}
		old := watch(t, Options{ID: id, Address: "10.0.0.1", Port: 1, Transport: network.Host("10.0.0.1")})
		b := watch(t, Options{ID: id, Address: "10.0.0.2", Port: 1, Transport: network.Host("10.0.0.2"), Seeds: []string{"10.0.0.1:1"}})
		time.Sleep(time.Minute)
		old.Stop()
		watch(t, Options{Address: "10.0.0.1", Port: 1, Transport: network.Host("10.0.0.1")})
		time.Sleep(20 * time.Second)
		if b.Peers().Len() != 1 {
			t.Error("the seed lives, and the node has no neighbour")
		}
	})
}

// A node whose own address is among its seeds dials it seldom, but it does dial it.
func TestAnOwnAddressIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		dials := 0
		a := watch(t, Options{
			Address: "10.0.0.1", Listen: "0.0.0.0", Port: 1, Advertise: "proxy:1",
			Transport: counting{network.Host("10.0.0.1"), &dials}, InsecurePlaintext: true, Seeds: []string{"10.0.0.1:1"},
		})
		time.Sleep(10 * time.Minute)
		if dials < 8 || dials > 25 || len(a.conflicts) > 0 {
			t.Errorf("%d dials in ten minutes, conflicts %v", dials, a.conflicts)
		}
		if n := a.Stats().SeedsLost; n > 0 {
			t.Errorf("%d seeds are lost", n)
		}
	})
}

type counting struct {
	transport.Transport
	n *int
}

func (c counting) Dial(ctx context.Context, addr string) (net.Conn, error) {
	*c.n++
	return c.Transport.Dial(ctx, addr)
}

// If the clock of a node is behind at its next start, other nodes accept it once its last
// life is gone.
func TestALifeWithAClockBehindIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		key := newTestKey(t)
		seed := watch(t, Options{Key: newTestKey(t), Address: "10.0.0.1", Port: 1, Transport: network.Host("10.0.0.1")})
		// made first, so its epoch is lower when it starts first
		late := watch(t, Options{Key: key, Address: "10.0.0.3", Port: 1, Transport: network.Host("10.0.0.3"), Seeds: []string{"10.0.0.1:1"}})
		time.Sleep(time.Second)
		a := watch(t, Options{Key: key, Address: "10.0.0.2", Port: 1, Transport: network.Host("10.0.0.2"), Seeds: []string{"10.0.0.1:1"}})
		time.Sleep(10 * time.Second)
		if seed.Peers().Len() != 1 || a.Peers().Len() != 1 || late.Peers().Len() != 0 {
			t.Fatal("the later life is not the neighbour")
		}
		network.Cut([]string{"10.0.0.2"}, []string{"10.0.0.1", "10.0.0.3"}) // no node receives a goodbye
		gone := time.Now()
		for late.Peers().Len() == 0 && time.Since(gone) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(gone); took > 25*time.Second {
			t.Errorf("after %v: the seed has %d neighbours; the log says %s", took, seed.Peers().Len(), late.warnings.String())
		}
	})
}

// A node reports within 15 seconds that its seeds are dead, also if it has no neighbour,
// and reports when they are back.
func TestDeadSeedsAreReported(t *testing.T) {
	for _, c := range []struct {
		what  string
		seeds []string
		lost  []string
	}{
		{"an address", []string{"10.0.0.9:1"}, []string{"10.0.0.9:1"}},
		{"a port that is closed", []string{"10.0.0.1:2"}, []string{"10.0.0.1:2"}},
		{"a name", []string{"dead:1"}, []string{"10.0.0.9:1"}},
		{"a name that is not known", []string{"dns://nothing:1"}, []string{"dns://nothing:1"}},
		{"a name of which nothing is heard", []string{"dns://silence:1"}, []string{"dns://silence:1"}},
		{"a living one and a dead one", []string{"10.0.0.1:1", "10.0.0.9:1"}, []string{"10.0.0.9:1"}},
		{"many dead ones", []string{"10.0.0.11:1", "10.0.0.12:1", "10.0.0.13:1", "10.0.0.14:1", "10.0.0.15:1", "10.0.0.16:1", "10.0.0.17:1", "10.0.0.18:1", "10.0.0.19:1", "10.0.0.20:1"},
			[]string{"10.0.0.11:1", "10.0.0.12:1", "10.0.0.13:1", "10.0.0.14:1", "10.0.0.15:1", "10.0.0.16:1", "10.0.0.17:1", "10.0.0.18:1", "10.0.0.19:1", "10.0.0.20:1"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.New()
				names := &names{answers: map[string][]string{"dead:1": {"10.0.0.9:1"}}}
				watch(t, Options{Address: "10.0.0.1", Port: 1, Transport: network.Host("10.0.0.1")})
				a := watch(t, Options{Address: "10.0.0.2", Port: 1, Transport: network.Host("10.0.0.2"), Seeds: c.seeds, Resolver: names})
				time.Sleep(9 * time.Second)
				a.wantLost(t, nil)
				time.Sleep(6 * time.Second)
				a.wantLost(t, c.lost)
				time.Sleep(2 * time.Minute)
				a.wantLost(t, c.lost) // no further seeds are reported
				if n := a.Stats().SeedsLost; n != len(c.lost) {
					t.Errorf("Stats say %d", n)
				}
				watch(t, Options{Address: "10.0.0.9", Port: 1, Transport: network.Host("10.0.0.9")})
				names.set("dns://nothing:1", "10.0.0.9:1")
				names.set("dns://silence:1", "10.0.0.9:1")
				if len(c.lost) == 1 && c.lost[0] != "10.0.0.1:2" {
					time.Sleep(2 * time.Minute)
					a.mu.Lock()
					if !slices.Equal(a.back, c.lost) {
						t.Errorf("back %v", a.back)
					}
					a.mu.Unlock()
				}
			})
		})
	}
}

func (w *watched) wantLost(t *testing.T, want []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, l := range w.lost {
		if got = append(got, l.Addr); l.Err == nil {
			t.Errorf("%s is reported lost, and it answers", l.Addr)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("lost %v, want %v", got, want)
	}
}

// names is a resolver. It does not answer for the name "silence".
type names struct {
	mu      sync.Mutex
	answers map[string][]string
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[name] = addrs
}

func (n *names) Lookup(ctx context.Context, seed string) ([]string, error) {
	n.mu.Lock()
	addrs := n.answers[seed]
	n.mu.Unlock()
	switch {
	case strings.HasPrefix(seed, "10."):
		return []string{seed}, nil
	case addrs != nil:
		return addrs, nil
	case strings.Contains(seed, "silence"):
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errors.New("no such name")
}

// One of 400 addresses answers. Whichever it is, the node has a neighbour within two
// seconds, from a seed and by AddPeer. A name server that hangs delays nothing.
func TestOneOfManyAddressesIsFoundSoon(t *testing.T) {
	for _, good := range []int{0, 1, 200, 398, 399} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.New()
			network.Latency(20 * time.Millisecond)
			var all []string
			for i := range 400 {
				all = append(all, fmt.Sprintf("10.1.%d.%d:1", i/200, i%200+1))
			}
			names := &names{answers: map[string][]string{"many:1": all}}
			ip, _, _ := strings.Cut(all[good], ":")
			seed := watch(t, Options{Address: ip, Port: 1, Transport: network.Host(ip)})
			began := time.Now()
			a := watch(t, Options{Address: "10.0.0.2", Transport: network.Host("10.0.0.2"), Seeds: []string{"silence:1", "many:1"}, Resolver: names})
			for a.Peers().Len() == 0 && time.Since(began) < time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("seed number %d: linked after %v", good, took)
			}
			b := watch(t, Options{Address: "10.0.0.3", Transport: network.Host("10.0.0.3"), Resolver: names})
			began = time.Now()
			if err := b.AddPeer(t.Context(), "many:1"); err != nil {
				t.Errorf("AddPeer: %v", err)
			}
			if took := time.Since(began); took > 2*time.Second || seed.Peers().Len() != 2 {
				t.Errorf("AddPeer, number %d: linked after %v", good, took)
			}
		})
	}
}

// If many addresses answer, AddPeer makes one link.
func TestAddPeerTakesOneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		network.Latency(200 * time.Millisecond) // longer than AddPeer waits before it tries more
		var all []string
		for i := range 20 {
			ip := fmt.Sprintf("10.1.0.%d", i+1)
			all = append(all, ip+":1")
			watch(t, Options{Address: ip, Port: 1, Transport: network.Host(ip)})
		}
		a := watch(t, Options{
			Address: "10.0.0.3", Transport: network.Host("10.0.0.3"), MinPeers: 1, MaxPeers: 20,
			Resolver: &names{answers: map[string][]string{"many:1": all}},
		})
		if err := a.AddPeer(t.Context(), "many:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := a.Peers().Len(); n < 1 || n > 8 {
			t.Errorf("%d neighbours", n)
		}
		err := a.AddPeer(t.Context(), "nothing:1")
		var dial *DialError
		if !errors.As(err, &dial) {
			t.Errorf("%v", err)
		}
	})
}
