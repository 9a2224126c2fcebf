package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// store holds the authoritative values: a database, a service; here, files.
type store interface {
	Load(key string) (string, error)
	Save(key, value string) error
}

// cache keeps in memory what one instance has loaded. Each instance has one. An instance
// that saves a value notifies the others, which forget theirs.
type cache struct {
	node  *smoke.Node
	store store

	mu      sync.Mutex // guards what follows; not held while loading and saving
	values  map[string]string
	changes int // number of times that values were forgotten
}

func newCache(node *smoke.Node, store store) *cache {
	c := &cache{node: node, store: store, values: make(map[string]string)}
	node.Broadcast().On("changed", c.forget)
	node.OnGap(func(smoke.Gap) { c.forgetAll() })
	return c
}

// Get returns the value of a key, from memory if it is there.
func (c *cache) Get(key string) (string, error) {
	c.mu.Lock()
	value, ok := c.values[key]
	before := c.changes
	c.mu.Unlock()
	if ok {
		return value, nil
	}
	value, err := c.store.Load(key)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before { // otherwise this value may be the forgotten one
		c.values[key] = value
	}
	return value, nil
}

// Set changes a value, in the store first. An instance that forgets the old value can then
// not load it again.
func (c *cache) Set(key, value string) error {
	// Forget it even if Save fails: it may have saved before it failed.
	defer c.forget(key)
	if err := c.store.Save(key, value); err != nil {
		return err
	}
	if err := c.node.Broadcast().Emit("changed", key); err != nil {
		return fmt.Errorf("%q is saved, but the other instances were not notified: %w", key, err)
	}
	return nil
}

// forget forgets one value.
func (c *cache) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.values, key)
	c.changes++
}

// forgetAll forgets all values. After a gap, the keys in the missed events are not known.
func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.values)
	c.changes++
}

var errNoKey = errors.New("there is no such key")
