package meshview_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// counting is a ring that counts late and lost events, and reports heals.
type counting struct {
	*ring
	late, lost uint64
	heal       func()
}

func (c *counting) Tally() (late, lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late, c.lost
}

func (c *counting) OnHeal(fn func()) { c.heal = fn }

// watched reads a board twice a second and passes each picture to see.
func watched(t *testing.T, h http.Handler, d time.Duration, see func(at time.Duration, p meshview.Picture)) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < d; time.Sleep(500 * time.Millisecond) {
		p := look(t, h)
		if see != nil {
			see(time.Since(begin), p)
		}
	}
}

func noted(p meshview.Picture) string {
	var notes []string
	for _, n := range p.Notices {
		notes = append(notes, n.Text)
	}
	return strings.Join(notes, "; ")
}

// apart removes links so that the ring has parts of these sizes.
func (r *ring) apart(sizes ...int) {
	r.update(func() {
		n := 0
		for _, size := range sizes {
			for i := range size {
				r.nodes[n].Links = []smoke.LinkInfo{}
				if i > 0 {
					r.nodes[n].Links = []smoke.LinkInfo{{Peer: r.nodes[n-1].ID, Eager: true}}
				}
				n++
			}
		}
	})
}

// A partition into halves passes through states with more parts, because dead links are
// found one by one. Only the stable state is reported, and then the result.
func TestACutIsNotedWhenItHasSettled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &counting{ring: newRing(12)}
		b := meshview.New(c)
		watched(t, b, 5*time.Second, nil)
		for _, sizes := range [][]int{{3, 2, 2, 2, 2, 1}, {4, 4, 3, 1}, {6, 5, 1}} { // one second each
			c.apart(sizes...)
			watched(t, b, time.Second, nil)
		}
		c.apart(6, 6)
		watched(t, b, 9*time.Second, nil)
		if got := noted(look(t, b)); got != "the mesh is in 2 parts" {
			t.Errorf("it notes %q", got)
		}
		c.apart(5, 1, 6)
		watched(t, b, time.Second, nil)
		c.apart(12)
		c.update(func() { c.late, c.lost, c.nodes[3].Gaps = 37, 2, 1 })
		watched(t, b, 2*time.Second, func(_ time.Duration, p meshview.Picture) {
			if p.Healed != nil || !p.Settling {
				t.Errorf("it is judged before it has settled: %+v", p.Healed)
			}
		})
		watched(t, b, 3*time.Second, nil)
		p := look(t, b)
		if !strings.HasPrefix(noted(p), "the mesh is in 2 parts; the mesh is whole again, after 1") {
			t.Errorf("it notes %q", noted(p))
		}
		h := p.Healed
		if h == nil || h.After < 12 || h.After > 15 || h.Late != 37 || h.Lost != 2 || h.Losers != 1 {
			t.Errorf("healed: %+v", h)
		}
		c.update(func() { c.lost = 5 }) // a gap is reported late
		watched(t, b, 30*time.Second, nil)
		p = look(t, b)
		if !strings.HasSuffix(noted(p), "since the heal: 37 events arrived late at this node, which lost 5; 1 node lost events") || p.Healed != nil {
			t.Errorf("it notes %q, healed %+v", noted(p), p.Healed)
		}
	})
}

// From one side of a partition, the other side is silent and there are no parts. The node
// itself reports the heal.
func TestACutSeenFromOneSide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &counting{ring: newRing(8)}
		b := meshview.New(c)
		watched(t, b, 5*time.Second, nil)
		c.update(func() {
			for n := 3; n <= 8; n++ {
				c.dumb[id(n)] = true
			}
		})
		watched(t, b, 20*time.Second, nil)
		c.update(func() {
			clear(c.dumb)
			c.dumb[id(8)] = true // one node was killed meanwhile
		})
		c.heal()
		watched(t, b, 10*time.Second, nil)
		if h := look(t, b).Healed; h == nil || h.After < 17 || h.After > 23 {
			t.Errorf("healed: %+v", h)
		}
		if got := noted(look(t, b)); !strings.Contains(got, "the mesh is whole again, after ") || strings.Contains(got, "parts;") {
			t.Errorf("it notes %q", got)
		}
	})
}

// A node that was killed and restarted is not a partition.
func TestANodeThatComesBackIsNoHeal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &counting{ring: newRing(2)}
		b := meshview.New(c)
		watched(t, b, 5*time.Second, nil)
		c.update(func() { c.dumb[id(2)] = true })
		watched(t, b, 10*time.Second, nil)
		c.update(func() { clear(c.dumb) })
		watched(t, b, 10*time.Second, func(_ time.Duration, p meshview.Picture) {
			if p.Healed != nil {
				t.Errorf("healed: %+v", p.Healed)
			}
		})
		if got := noted(look(t, b)); strings.Contains(got, "whole again") {
			t.Errorf("it notes %q", got)
		}
	})
}

// Seeds on the other side of a partition are dialled again within some seconds after the
// heal. Until then the page must not advise to remove them.
func TestSeedsAreNotBlamedRightAfterAHeal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &counting{ring: newRing(6)}
		b := meshview.New(c)
		watched(t, b, 5*time.Second, nil)
		c.apart(3, 3)
		c.update(func() { c.nodes[0].SeedsLost, c.nodes[1].SeedsLost = 1, 1 })
		watched(t, b, 10*time.Second, nil)
		c.apart(6)
		blamed := func(p meshview.Picture) bool {
			for _, x := range p.Problems {
				if strings.Contains(x.Do, "remove them from the list") {
					return true
				}
			}
			return false
		}
		watched(t, b, 4*time.Second, func(at time.Duration, p meshview.Picture) {
			if len(p.Problems) > 0 {
				t.Errorf("%v after the heal: %+v", at, p.Problems)
			}
		})
		watched(t, b, 10*time.Second, nil) // the seeds do not answer at all
		if !blamed(look(t, b)) {
			t.Error("a seed that stays lost is not told of")
		}
	})
}

// Events that were delivered while no page was open do not count in the rate.
func TestTheRateIsRightFromTheFirstPicture(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(3)
		b := meshview.New(r)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go func() { // 10 events a second, 20 at node 2; ends with the story
			for ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond)
				r.update(func() { r.nodes[0].Delivered++; r.nodes[1].Delivered += 2 })
			}
		}()
		time.Sleep(time.Minute)
		for range 3 { // opened, closed, and opened again after some minutes
			known := false
			watched(t, b, 10*time.Second, func(at time.Duration, p meshview.Picture) {
				switch {
				case p.Rate == nil && at > 2500*time.Millisecond:
					t.Errorf("after %v there is no rate", at)
				case p.Rate != nil && (*p.Rate < 7 || *p.Rate > 13):
					t.Errorf("after %v the rate is %v", at, *p.Rate)
				}
				known = known || p.Rate != nil
			})
			if !known {
				t.Error("there was no rate")
			}
			time.Sleep(4 * time.Minute)
		}
		r.update(func() { r.nodes[0].Delivered = 0 }) // it has restarted
		watched(t, b, 6*time.Second, func(at time.Duration, p meshview.Picture) {
			if p.Rate != nil && (*p.Rate < 7 || *p.Rate > 13) {
				t.Errorf("after %v the rate is %v", at, *p.Rate)
			}
		})
	})
}

// above is a mesh that is not seen from a node, like a simulation.
type above struct{ *ring }

func (above) ID() smoke.ID { return smoke.ID{} }

func TestTheRateOfASimulationIsTheAverage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(4)
		b := meshview.New(above{r})
		for i := range 12 {
			p := look(t, b)
			if p.Rate != nil && (*p.Rate < 14 || *p.Rate > 16) {
				t.Errorf("look %d: the rate is %v", i, *p.Rate)
			}
			if i > 4 && p.Rate == nil {
				t.Errorf("look %d: there is no rate", i)
			}
			time.Sleep(500 * time.Millisecond)
			r.update(func() { r.nodes[0].Delivered += 10; r.nodes[1].Delivered += 20 }) // 20, 40, 0 and 0 events a second
			if i == 6 {
				r.update(func() {
					r.nodes = append(r.nodes, smoke.NodeInfo{ID: id(9), Delivered: 1 << 30, Links: r.nodes[0].Links, Left: []smoke.ID{}})
				})
			}
			if i > 6 {
				r.update(func() { r.nodes[4].Delivered += 7 })
			}
		}
	})
}
