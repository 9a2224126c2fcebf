// Package smokenet is the adapter of Smokesignal: N nodes that know one seed, with the default
// options.
package smokenet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Raw is Smokesignal with a handler that takes the payload as bytes.
var Raw = contest.Contestant{
	Name: "smoke", Is: "Smokesignal, the handler takes e.Raw()",
	BackPressure: true,
	Open:         func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, false, "") },
}

// TLS is Raw with encrypted links and a secret.
var TLS = contest.Contestant{
	Name: "smoke-tls", Is: "Smokesignal with encrypted links and a secret, the handler takes e.Raw()",
	BackPressure: true, Extra: true,
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) {
		return open(ctx, c, false, trust.NewSecret())
	},
}

// Typed is Smokesignal with a handler that takes a struct.
var Typed = contest.Contestant{
	Name: "smoke-typed", Is: "Smokesignal, smoke.On with a struct, msgpack decoded at every node",
	BackPressure: true,
	Open:         func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, true, "") },
}

// The defaults of Options.
const minPeers, maxPeers = 3, 5

const eventName = "bench"

type overlay struct {
	ledger *check.Ledger
	nodes  []*smoke.Node
	typed  bool
	bufs   [][]byte // by node, for the messages that it emits
	stall  *stallable

	added, removed, gaps, warnings atomic.Uint64
}

func open(ctx context.Context, c contest.Config, typed bool, secret string) (contest.Net, error) {
	o := &overlay{ledger: c.Receive, typed: typed, nodes: make([]*smoke.Node, c.N), bufs: make([][]byte, c.N), stall: new(stallable)}
	logger := slog.New(&counter{n: &o.warnings})
	seed := "" // the first node is the seed of all others
	var failed error
	for i := range o.nodes {
		opts := smoke.Options{Logger: logger, Secret: secret}
		if seed != "" {
			opts.Seeds = []string{seed}
		}
		if c.Stallable && i == c.N-1 {
			opts.Transport = o.stall
		}
		node := smoke.CreateNode(opts)
		o.nodes[i] = node
		o.listen(node, i)
		if failed = node.Start(); failed != nil {
			failed = fmt.Errorf("start node %d: %w", i, failed)
			break
		}
		if i == 0 {
			seed = node.Addr()
		}
	}
	if failed == nil {
		failed = o.form(ctx)
	}
	if failed != nil {
		return nil, errors.Join(failed, o.Close())
	}
	return o, nil
}

// listen registers the handler and the hooks of one node.
func (o *overlay) listen(node *smoke.Node, i int) {
	if o.typed {
		smoke.On(node.Broadcast(), eventName, func(_ smoke.Event, m check.Message) { o.ledger.Receive(i, m) })
	} else {
		node.Broadcast().On(eventName, func(e smoke.Event) {
			body, ok := unwrap(e.Raw())
			if !ok {
				o.ledger.Corrupt()
				return
			}
			o.ledger.ReceiveBytes(i, body)
		})
	}
	node.OnGap(func(g smoke.Gap) { o.gaps.Add(uint64(g.Events)) })
	node.Peers().OnAdd(func(*smoke.Peer) { o.added.Add(1) })
	node.Peers().OnRemove(func(*smoke.Peer) { o.removed.Add(1) })
}

// form waits until the overlay is one component and every node has at least MinPeers
// neighbours.
func (o *overlay) form(ctx context.Context) error {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	seen := uint64(0)
	for {
		// A check of all nodes costs more than a check whether a link has changed.
		if n := o.added.Load() + o.removed.Load(); n != seen {
			seen = n
			if o.isFormed() {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("form an overlay of %d nodes: %w", len(o.nodes), ctx.Err())
		case <-look.C:
		}
	}
}

func (o *overlay) isFormed() bool {
	least := min(minPeers, len(o.nodes)-1)
	for _, node := range o.nodes {
		if n := node.Peers().Len(); n < least || n > maxPeers {
			return false
		}
	}
	return o.components() == 1
}

// components counts the components of the overlay.
func (o *overlay) components() int {
	number := make(map[smoke.ID]int, len(o.nodes))
	part := make([]int, len(o.nodes)) // union-find
	for i, node := range o.nodes {
		number[node.ID()] = i
		part[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		if part[i] != i {
			part[i] = find(part[i])
		}
		return part[i]
	}
	parts := len(o.nodes)
	for i, node := range o.nodes {
		for peer := range node.Peers().All() {
			if a, b := find(i), find(number[peer.ID()]); a != b {
				part[a] = b
				parts--
			}
		}
	}
	return parts
}

// Emit broadcasts a message. A message of bytes is emitted as the encoded arguments of an event
// with one argument, a byte string.
func (o *overlay) Emit(m check.Message) error {
	b := o.nodes[m.From].Broadcast()
	if o.typed {
		return b.Emit(eventName, &m)
	}
	size := check.HeaderSize + len(m.Body)
	raw := append(o.bufs[m.From][:0], 0x91, 0xc6) // an array of one; a byte string with a length of 32 bits
	raw = binary.BigEndian.AppendUint32(raw, uint32(size))
	raw = m.Append(raw)
	o.bufs[m.From] = raw
	return b.Emit(eventName, smoke.Raw(raw))
}

// unwrap returns the byte string that Emit has put into the arguments.
func unwrap(raw []byte) (body []byte, ok bool) {
	if len(raw) < 6 || raw[0] != 0x91 || raw[1] != 0xc6 {
		return nil, false
	}
	return raw[6:], true
}

// LinksLost counts lost neighbours. After a while nodes also replace neighbours on purpose.
func (o *overlay) LinksLost() uint64 { return o.removed.Load() }

// Troubles counts the events that must not happen in an overlay on one machine.
func (o *overlay) Troubles() map[string]uint64 {
	parts := o.components()
	if o.stall.isStalled() {
		parts = max(parts-1, 1) // the stalled node may be a component of its own
	}
	return map[string]uint64{
		"losses reported by OnGap":    o.gaps.Load(),
		"warnings and errors":         o.warnings.Load(),
		"components beyond the first": uint64(parts - 1),
	}
}

// Close stops all nodes at once. If a node could not deliver all its events, they have been
// counted as lost before, so this is not an error here.
func (o *overlay) Close() error {
	o.stall.release()
	errs := make([]error, len(o.nodes))
	var all sync.WaitGroup
	for i, node := range o.nodes {
		if node != nil {
			all.Go(func() { // owner: this call, which waits; ends within seconds
				if err := node.Stop(); !errors.As(err, new(*smoke.UndeliveredError)) {
					errs[i] = err
				}
			})
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// counter is a log that counts warnings and errors.
type counter struct{ n *atomic.Uint64 }

func (c *counter) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (c *counter) Handle(context.Context, slog.Record) error        { c.n.Add(1); return nil }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c *counter) WithGroup(string) slog.Handler                    { return c }
