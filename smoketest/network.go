package smoketest

import (
	"context"
	"fmt"
	"iter"
	"net"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

const (
	port           = 8495
	seedCount      = 3                // a guess at a usual configuration
	defaultLatency = time.Millisecond // a guess: machines of one data centre with slow switches
)

// Network is a network in memory with its nodes. Only the goroutine of the test may call
// its methods: not handlers, and not several goroutines. An error, such as an unknown node
// number, ends the test.
type Network struct {
	t         testing.TB
	mem       *mem.Network
	began     time.Time
	whole     bool // show all log lines, not only warnings
	seeds     []string
	configure func(i int, o *smoke.Options)
	setup     []func(i int, node *smoke.Node) // called for each life before it starts
	members   []*member
	numbers   map[smoke.ID]int // of all lives
	cuts      []func(i, j int) bool
}

// member is one node and the state that outlasts its lives.
type member struct {
	number int
	opts   smoke.Options
	node   *smoke.Node // of the last life
	state  state
	log    *logbook
}

type state string

const (
	running state = "runs"
	stopped state = "was stopped"
	crashed state = "crashed"
)

// Addr returns the address of node i, "ip:port", also of a node that is not added yet. Use
// it for [smoke.Options.Seeds] in [Options.Configure].
func Addr(i int) string { return fmt.Sprintf("%s:%d", ip(i), port) }

func ip(i int) string {
	i++ // from 10.0.0.1
	return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&0xff, i&0xff)
}

// Node returns node i in its last life, which may have ended.
func (n *Network) Node(i int) *smoke.Node {
	n.t.Helper()
	return n.member(i).node
}

// Nodes iterates over the running nodes with their numbers, in ascending order.
func (n *Network) Nodes() iter.Seq2[int, *smoke.Node] {
	return func(yield func(int, *smoke.Node) bool) {
		for i, m := range n.members {
			if m.state == running && !yield(i, m.node) {
				return
			}
		}
	}
}

// Add starts another node and returns its number, the next one. It does not wait; call
// Settle to wait until the node is connected.
func (n *Network) Add() int {
	n.t.Helper()
	m := &member{number: len(n.members), log: newLogbook(n.began, n.whole), state: stopped}
	m.opts = smoke.Options{
		Address:   ip(m.number),
		Port:      port,
		Seeds:     n.seeds,
		Transport: host{n.mem, ip(m.number)},
		Logger:    m.log.logger(),
	}
	n.configure(m.number, &m.opts)
	n.members = append(n.members, m)
	n.start(m)
	return m.number
}

// Stop stops node i in an orderly way: the node says goodbye to its neighbours. Its address
// then refuses connections.
func (n *Network) Stop(i int) {
	n.t.Helper()
	n.stop(n.runningMember(i))
}

// Crash ends node i like a power failure: no goodbye, no further sign, and everything in
// flight is lost. The others find out when their pings get no answer. Code that the program
// has started for the node keeps running, and gets [smoke.ErrStopped] when it emits. The
// StateFile is written once more, as by Stop; after a real crash it would be up to a minute
// old.
func (n *Network) Crash(i int) {
	n.t.Helper()
	m := n.runningMember(i)
	m.state = crashed
	n.lay() // from here on the network drops its packets
	now, cancel := context.WithCancel(context.Background())
	cancel()
	// Shutdown returns an error, because it has waited for nothing. For a crash that is
	// correct.
	_ = m.node.Shutdown(now)
	n.mem.Kill(ip(i))
}

// Restart gives node i a new life, at the same address and with the same options, like a
// process that starts again. It is another [smoke.Node], and Setup is called for it. It has
// another id, unless the options set an id or a Key. If the node still runs, Restart stops
// it first.
func (n *Network) Restart(i int) {
	n.t.Helper()
	m := n.member(i)
	if m.state == running {
		n.stop(m)
	}
	n.start(m)
}

// onLife adds a function that is called for each node before it starts.
func (n *Network) onLife(f func(i int, node *smoke.Node)) { n.setup = append(n.setup, f) }

func (n *Network) start(m *member) {
	n.t.Helper()
	m.node = smoke.CreateNode(m.opts)
	n.numbers[m.node.ID()] = m.number
	m.state = running
	n.lay()
	for _, f := range n.setup {
		f(m.number, m.node)
	}
	if err := m.node.Start(); err != nil {
		m.state = stopped
		n.t.Fatalf("start node %d: %v", m.number, err)
	}
}

func (n *Network) stop(m *member) {
	n.t.Helper()
	m.state = stopped
	if err := m.node.Stop(); err != nil {
		// Not a failure: a goodbye can't cross a partition.
		n.t.Logf("node %d: %v", m.number, err)
	}
}

func (n *Network) member(i int) *member {
	n.t.Helper()
	if i < 0 || i >= len(n.members) {
		n.t.Fatalf("there is no node %d: there are %d, numbered from 0", i, len(n.members))
	}
	return n.members[i]
}

func (n *Network) runningMember(i int) *member {
	n.t.Helper()
	m := n.member(i)
	if m.state != running {
		n.t.Fatalf("node %d does not run: it %s", i, m.state)
	}
	return m
}

// host is the machine of a node. After a crash, the next life gets another machine in the
// memory network.
type host struct {
	net *mem.Network
	ip  string
}

// Listen implements transport.Transport.
func (h host) Listen(ctx context.Context, addr string) (net.Listener, error) {
	return h.net.Host(h.ip).Listen(ctx, addr)
}

// Dial implements transport.Transport.
func (h host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return h.net.Host(h.ip).Dial(ctx, addr)
}
