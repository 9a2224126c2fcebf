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
	seedCount      = 3                // a guess at what people configure
	defaultLatency = time.Millisecond // a guess: machines of one data centre, with room for slow switches
)

// Network is a network in memory with its nodes. Its methods are for the goroutine
// of the test: not for handlers, and not for several goroutines. What goes wrong,
// such as the number of a node that is not there, ends the test.
type Network struct {
	t         testing.TB
	mem       *mem.Network
	began     time.Time
	whole     bool // logs, and not only what they have of warnings
	seeds     []string
	configure func(i int, o *smoke.Options)
	setup     []func(i int, node *smoke.Node) // for each life, before it starts
	members   []*member
	numbers   map[smoke.ID]int // of all lives
	cuts      []func(i, j int) bool
}

// member is one of the nodes, with what outlasts a life of it.
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

// Addr is the address of node i, "ip:port", also of one that is yet to be added.
// It is meant for [smoke.Options.Seeds] in [Options.Configure].
func Addr(i int) string { return fmt.Sprintf("%s:%d", ip(i), port) }

func ip(i int) string {
	i++ // from 10.0.0.1
	return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&0xff, i&0xff)
}

// Node is node i in its last life, which may be over.
func (n *Network) Node(i int) *smoke.Node {
	n.t.Helper()
	return n.member(i).node
}

// Nodes are the nodes that run, with their numbers, in the order of these.
func (n *Network) Nodes() iter.Seq2[int, *smoke.Node] {
	return func(yield func(int, *smoke.Node) bool) {
		for i, m := range n.members {
			if m.state == running && !yield(i, m.node) {
				return
			}
		}
	}
}

// Add starts a further node and gives its number, the next one. It returns at once:
// Settle to have it connected.
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

// Stop ends node i in an orderly way: it says goodbye to its neighbours. Its
// address then refuses connections.
func (n *Network) Stop(i int) {
	n.t.Helper()
	n.stop(n.runningMember(i))
}

// Crash ends node i as if the power of its machine went: no goodbye, no more sign
// of it, and what was on its way is lost. The others find out when pings get no
// answer. What the program under test has started for the node goes on, and gets
// [smoke.ErrStopped] when it emits. A StateFile is written once more, as by Stop: of
// a real crash it would be up to a minute old.
func (n *Network) Crash(i int) {
	n.t.Helper()
	m := n.runningMember(i)
	m.state = crashed
	n.lay() // from here on nobody hears of it
	now, cancel := context.WithCancel(context.Background())
	cancel()
	// The error says that nothing was waited for, as a crash does not.
	_ = m.node.Shutdown(now)
	n.mem.Kill(ip(i))
}

// Restart gives node i a new life, at the same address and with the same options,
// as when a process starts again: it is another [smoke.Node], Setup is called for
// it, and it has another id, unless the options name one or hold a Key. If the node
// still runs, it is stopped first.
func (n *Network) Restart(i int) {
	n.t.Helper()
	m := n.member(i)
	if m.state == running {
		n.stop(m)
	}
	n.start(m)
}

// onLife has a function called for each node that is about to start.
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
		// No failure: whoever is behind a cut can't be told goodbye.
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

// host is the machine of a node. After a crash it is another one in the memory,
// which the next life takes.
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
