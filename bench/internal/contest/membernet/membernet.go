// Package membernet is the adapter of hashicorp/memberlist, with the configuration that it
// recommends for a LAN. memberlist is a membership library that also carries messages of its
// users, in two ways. A sender may send a packet to each member. Or it may put a message into a
// queue, whose messages are sent along with the gossip. Neither way promises delivery.
package membernet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// BestEffort sends a packet to every member.
var BestEffort = contest.Contestant{
	Name: "memberlist", Is: "hashicorp/memberlist, SendBestEffort to every member",
	Slow:    true,
	MaxSize: 60 << 10, // of a packet
	Open:    func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, false) },
}

// Queue sends messages along with the gossip.
var Queue = contest.Contestant{
	Name: "memberlist-queue", Is: "hashicorp/memberlist, broadcasts in its TransmitLimitedQueue",
	Slow:         true,
	BackPressure: true, // by this adapter: see queueMost
	MaxSize:      1300, // the size that fits into one packet of memberlist
	Open:         func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, true) },
}

type overlay struct {
	nodes   []*node
	packets atomic.Uint64 // bytes in packets
	left    atomic.Uint64 // members that a node considered dead
	closing atomic.Bool
}

type node struct {
	*overlay
	ledger  *check.Ledger
	number  int
	list    *memberlist.Memberlist
	members []*memberlist.Node // all but the node itself, once the network has formed
	buf     []byte
	queue   *queue // nil if the node sends packets to every member
}

func open(ctx context.Context, c contest.Config, queued bool) (contest.Net, error) {
	o := &overlay{}
	for i := range c.N {
		if err := o.start(i, c, queued); err != nil {
			return nil, errors.Join(fmt.Errorf("node %d: %w", i, err), o.Close())
		}
	}
	if err := o.form(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *overlay) start(i int, c contest.Config, queued bool) error {
	n := &node{overlay: o, ledger: c.Receive, number: i}
	if queued {
		n.queue = newQueue(c.N)
	}
	quiet := log.New(io.Discard, "", 0)
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: quiet})
	if err != nil {
		return err
	}
	config := memberlist.DefaultLANConfig()
	config.Name = strconv.Itoa(i)
	config.BindAddr, config.BindPort = "127.0.0.1", transport.GetAutoBindPort()
	config.AdvertisePort = config.BindPort
	config.Transport = counting{transport, &o.packets}
	config.Delegate, config.Events = n, n
	config.Logger = quiet
	list, err := memberlist.Create(config)
	if err != nil {
		return errors.Join(err, transport.Shutdown())
	}
	n.list = list
	o.nodes = append(o.nodes, n)
	return nil
}

// form makes all nodes join the first one at once, and waits until each node knows all others.
func (o *overlay) form(ctx context.Context) error {
	seed := o.nodes[0].list.LocalNode().Address()
	errs := make([]error, len(o.nodes))
	var all sync.WaitGroup
	for i, n := range o.nodes[1:] {
		all.Go(func() { _, errs[i] = n.list.Join([]string{seed}) }) // owner: this call; ends with Join
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for _, n := range o.nodes {
		for n.list.NumMembers() < len(o.nodes) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait until each node knows all others: %w", ctx.Err())
			case <-look.C:
			}
		}
		for _, m := range n.list.Members() {
			if m.Name != strconv.Itoa(n.number) {
				n.members = append(n.members, m)
			}
		}
	}
	return nil
}

// Emit sends the message to all members, or puts it into the queue.
func (o *overlay) Emit(m check.Message) error {
	n := o.nodes[m.From]
	if n.queue != nil {
		return n.queue.emit(m)
	}
	n.buf = m.Append(n.buf[:0])
	var errs []error
	for _, member := range n.members {
		if err := n.list.SendBestEffort(member, n.buf); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// NotifyMsg implements memberlist.Delegate. memberlist may reuse b.
func (n *node) NotifyMsg(b []byte) {
	if n.queue != nil && !n.queue.isNew(b) {
		return
	}
	n.ledger.ReceiveBytes(n.number, b)
}

// GetBroadcasts returns the messages to send along with the gossip.
func (n *node) GetBroadcasts(overhead, limit int) [][]byte {
	if n.queue == nil {
		return nil
	}
	return n.queue.GetBroadcasts(overhead, limit)
}

// NotifyLeave counts members that were considered dead.
func (n *node) NotifyLeave(*memberlist.Node) {
	if !n.closing.Load() {
		n.left.Add(1)
	}
}

// The other methods of memberlist's interfaces do nothing.

func (n *node) NodeMeta(int) []byte           { return nil }
func (n *node) LocalState(bool) []byte        { return nil }
func (n *node) MergeRemoteState([]byte, bool) {}
func (n *node) NotifyJoin(*memberlist.Node)   {}
func (n *node) NotifyUpdate(*memberlist.Node) {}

// BytesSent returns how many bytes were sent in packets.
func (o *overlay) BytesSent() uint64 { return o.packets.Load() }

// Troubles counts living members that a node considered dead.
func (o *overlay) Troubles() map[string]uint64 {
	return map[string]uint64{"living members considered dead": o.left.Load()}
}

// Close ends all nodes at once, without goodbyes.
func (o *overlay) Close() error {
	o.closing.Store(true)
	errs := make([]error, len(o.nodes))
	var all sync.WaitGroup
	for i, n := range o.nodes {
		if n.queue != nil {
			n.queue.close()
		}
		all.Go(func() { errs[i] = n.list.Shutdown() }) // owner: this call; ends by itself
	}
	all.Wait()
	return errors.Join(errs...)
}

// counting is a transport that counts the bytes of packets.
type counting struct {
	*memberlist.NetTransport
	sent *atomic.Uint64
}

func (c counting) WriteTo(b []byte, addr string) (time.Time, error) {
	c.sent.Add(uint64(len(b)))
	return c.NetTransport.WriteTo(b, addr)
}

func (c counting) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	c.sent.Add(uint64(len(b)))
	return c.NetTransport.WriteToAddress(b, addr)
}
