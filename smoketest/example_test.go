package smoketest_test

import (
	"sync"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

// Cache is the program under test: a value that is set on one instance soon reaches all.
type Cache struct {
	node   *smoke.Node
	mu     sync.Mutex // guards values
	values map[string]string
}

func NewCache(node *smoke.Node) *Cache {
	c := &Cache{node: node, values: make(map[string]string)}
	node.Broadcast().On("set", c.store)
	return c
}

func (c *Cache) Set(key, value string) error {
	c.store(key, value)
	return c.node.Broadcast().Emit("set", key, value)
}

func (c *Cache) Get(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values[key]
}

func (c *Cache) store(key, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[key] = value
}

func TestCacheStaysRight(t *testing.T) {
	var caches [5]*Cache
	o := smoketest.Options{
		Setup: func(t *testing.T, i int, node *smoke.Node) { caches[i] = NewCache(node) },
	}
	smoketest.RunWith(t, len(caches), o, func(t *testing.T, net *smoketest.Network) {
		net.Partition([]int{0, 1}, []int{2, 3, 4})
		net.Settle()
		if err := caches[0].Set("colour", "blue"); err != nil {
			t.Fatal(err)
		}
		net.Settle()
		if caches[1].Get("colour") != "blue" || caches[2].Get("colour") != "" {
			t.Error("the colour should be known on this side of the cut, and only there")
		}
		net.Heal()
		net.Settle()
		for i, c := range caches {
			if got := c.Get("colour"); got != "blue" {
				t.Errorf("cache %d holds %q after the cut", i, got)
			}
		}
	})
}
