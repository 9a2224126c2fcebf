package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// store is where the truth is: a database, a service; here, files.
type store interface {
	Load(key string) (string, error)
	Save(key, value string) error
}

// cache keeps in memory what one instance has loaded. Each instance has one; who saves
// a value tells the others to forget theirs.
type cache struct {
	node  *smoke.Node
	store store

	mu      sync.Mutex // guards what follows; not held while loading and saving
	values  map[string]string
	changes int // how often something was forgotten
}

func newCache(node *smoke.Node, store store) *cache {
	c := &cache{node: node, store: store, values: make(map[string]string)}
	node.Broadcast().On("changed", c.forget)
	node.OnGap(func(smoke.Gap) { c.forgetAll() })
	return c
}

// Get gives the value of a key, from memory if it is there.
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
	if c.changes == before { // else it may have been this value that was forgotten
		c.values[key] = value
	}
	return value, nil
}

// Set changes a value: in the store first, so that who forgets the old one can't load
// it again.
func (c *cache) Set(key, value string) error {
	// Forgotten also if Save fails: it may have saved before that.
	defer c.forget(key)
	if err := c.store.Save(key, value); err != nil {
		return err
	}
	if err := c.node.Broadcast().Emit("changed", key); err != nil {
		return fmt.Errorf("%q is saved, and the others do not know: %w", key, err)
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

// forgetAll forgets all values: when events were missed, nobody can say about which
// keys they were.
func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.values)
	c.changes++
}

var errNoKey = errors.New("there is no such key")
