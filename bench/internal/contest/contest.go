// Package contest says what a system has to do to be compared: carry messages
// from every node to all others. Each adapter, in a package of its own, runs N
// nodes of its system in this process, over loopback sockets, and does no more
// than its users would have to write.
package contest

import (
	"context"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
)

// Config is the network that is wanted.
type Config struct {
	N         int           // nodes
	Size      int           // bytes of a message, header included
	Seed      uint64        // for what the adapter draws
	Stallable bool          // the last node is going to stall
	Receive   *check.Ledger // gets every message that arrives at a node
}

// Contestant is one system.
type Contestant struct {
	Name string // as in --only
	Is   string // one line for people

	// Open starts a network and returns when it is formed: every node can reach
	// all others. Its error ends the measurement; [Missing] means that the
	// system is not on this machine.
	Open func(ctx context.Context, c Config) (Net, error)

	// BackPressure says that Emit waits for slow receivers, so that nothing
	// needs to be lost. A contestant without it is also measured with a window.
	BackPressure bool

	// MaxSize is the largest message that it carries; 0: larger than any here.
	MaxSize int
	// Slow contestants are measured less often.
	Slow bool
	// Extra contestants take part only where they are named.
	Extra bool
}

// Net is a running network.
type Net interface {
	// Emit sends a message from node m.From to all others, and waits where the
	// system makes its users wait. It keeps nothing of m. Each node emits from
	// one goroutine at a time.
	Emit(m check.Message) error

	// Close ends the network; every goroutine of it has ended when it returns.
	Close() error
}

// Troubled is a Net that can tell what went wrong in it.
type Troubled interface {
	// Troubles are counts by name; those of zero are left out.
	Troubles() map[string]uint64
}

// Outside is a Net that has processes besides this one.
type Outside interface {
	Processes() []int
}

// Datagrams is a Net that sends packets, which Linux does not count as written.
type Datagrams interface {
	BytesSent() uint64
}

// Linked is a Net of nodes with links, which can be lost.
type Linked interface {
	// LinksLost counts the ends of links that ended so far.
	LinksLost() uint64
}

// Staller is a Net in which one node, the last one, can stop reading.
type Staller interface {
	// Stall makes the last node stop reading permanently. That node emits nothing, before
	// or after.
	Stall() error
	// Out reports whether the others have closed their links to the stalled node.
	Out() bool
}

// Missing says that a system can't be measured on this machine, and why.
type Missing struct{ Why string }

func (e *Missing) Error() string { return e.Why }
