package main

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database is a store that all instances can reach, also during a partition.
type database struct {
	mu      sync.Mutex // guards what follows
	values  map[string]string
	loads   int
	loading func() // if not nil, called after a value was read and before it is returned
}

func newDatabase() *database { return &database{values: make(map[string]string)} }

func (d *database) Load(key string) (string, error) {
	d.mu.Lock()
	value, ok := d.values[key]
	loading := d.loading
	d.loads++
	d.mu.Unlock()
	if loading != nil {
		loading()
	}
	if !ok {
		return "", errNoKey
	}
	return value, nil
}

func (d *database) Save(key, value string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values[key] = value
	return nil
}

func set(t *testing.T, c *cache, key, value string) {
	t.Helper()
	if err := c.Set(key, value); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, c *cache, key, value string) {
	t.Helper()
	if got, err := c.Get(key); got != value || err != nil {
		t.Errorf("%s is %q, %v, want %q", key, got, err, value)
	}
}

func TestAChangeIsSeenEverywhere(t *testing.T) {
	db := newDatabase()
	var caches [3]*cache
	o := smoketest.Options{Setup: func(_ *testing.T, i int, node *smoke.Node) { caches[i] = newCache(node, db) }}
	smoketest.RunWith(t, len(caches), o, func(t *testing.T, net *smoketest.Network) {
		for n, value := range []string{"red", "blue"} {
			set(t, caches[n], "colour", value)
			net.Settle()
			for _, c := range caches {
				want(t, c, "colour", value)
				want(t, c, "colour", value)
			}
		}
		if db.loads != 6 {
			t.Errorf("%d loads: one for each instance and each value would do", db.loads)
		}
	})
}

// A partition that outlasts the history: the events of the other side are lost, and OnGap
// reports that. An instance that ignores OnGap serves the old value, and would do so
// without end.
func TestACutThatOutlastsTheHistory(t *testing.T) {
	db := newDatabase()
	var caches [4]*cache
	deaf := 3 // ignores OnGap
	o := smoketest.Options{
		Configure: func(_ *testing.T, _ int, o *smoke.Options) { o.History.Age = 10 * time.Second },
		Setup: func(_ *testing.T, i int, node *smoke.Node) {
			if i != deaf {
				caches[i] = newCache(node, db)
				return
			}
			c := &cache{node: node, store: db, values: make(map[string]string)}
			node.Broadcast().On("changed", c.forget)
			caches[i] = c
		},
	}
	smoketest.RunWith(t, len(caches), o, func(t *testing.T, net *smoketest.Network) {
		set(t, caches[0], "colour", "red")
		net.Settle()
		for _, c := range caches {
			want(t, c, "colour", "red")
		}
		net.Partition([]int{0, 1}, []int{2, deaf})
		net.Settle()
		set(t, caches[0], "colour", "blue")
		time.Sleep(time.Minute)
		want(t, caches[1], "colour", "blue")
		want(t, caches[2], "colour", "red") // during the partition the event can't arrive
		net.Heal()
		net.Wait(time.Minute, "the blue is seen on the other side", func() bool {
			colour, err := caches[2].Get("colour")
			return err == nil && colour == "blue"
		})
		time.Sleep(10 * time.Minute)
		if got, err := caches[deaf].Get("colour"); got != "red" || err != nil {
			t.Errorf("without OnGap the colour is %q, %v: then what is OnGap for?", got, err)
		}
	})
}

// After a partition shorter than the history, no event is missing.
func TestACutThatTheHistoryOutlasts(t *testing.T) {
	db := newDatabase()
	var caches [4]*cache
	o := smoketest.Options{Setup: func(_ *testing.T, i int, node *smoke.Node) { caches[i] = newCache(node, db) }}
	smoketest.RunWith(t, len(caches), o, func(t *testing.T, net *smoketest.Network) {
		set(t, caches[0], "colour", "red")
		set(t, caches[0], "size", "large")
		net.Settle()
		for _, c := range caches {
			want(t, c, "colour", "red")
			want(t, c, "size", "large")
		}
		net.Isolate(3)
		net.Settle()
		set(t, caches[0], "colour", "blue")
		time.Sleep(time.Minute)
		net.Heal()
		net.Settle()
		loads := db.loads
		want(t, caches[3], "size", "large")
		if db.loads != loads {
			t.Error("it forgot what had not changed")
		}
		want(t, caches[3], "colour", "blue")
	})
}

// A value that changes while it is being loaded is not kept.
func TestAChangeDuringALoad(t *testing.T) {
	db := newDatabase()
	var caches [2]*cache
	o := smoketest.Options{Setup: func(_ *testing.T, i int, node *smoke.Node) { caches[i] = newCache(node, db) }}
	smoketest.RunWith(t, len(caches), o, func(t *testing.T, net *smoketest.Network) {
		set(t, caches[0], "colour", "red")
		db.loading = func() {
			db.loading = nil
			set(t, caches[0], "colour", "blue")
			net.Settle()
		}
		want(t, caches[1], "colour", "red") // the value at the time of the request
		want(t, caches[1], "colour", "blue")
	})
}
