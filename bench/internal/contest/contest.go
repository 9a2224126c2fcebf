// Package contest defines what a compared system must do: carry messages from every node to
// all others. Each adapter, in a package of its own, runs N nodes of its system in this
// process over loopback sockets. It contains only what a user of the system would have to
// write.
package contest

import (
	"context"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
)

// Config describes the network of a measurement.
type Config struct {
	N         int           // nodes
	Size      int           // bytes of a message, header included
	Seed      uint64        // of the adapter's random numbers
	Stallable bool          // the last node will stall
	Receive   *check.Ledger // records every message that arrives at a node
}

// Contestant is one system.
type Contestant struct {
	Name string // the name in --only
	Is   string // a description in one line

	// Open starts a network and returns when every node can reach all others. An error
	// ends the measurement. [Missing] means that the system is not installed on this
	// machine.
	Open func(ctx context.Context, c Config) (Net, error)

	// BackPressure says that Emit waits for slow receivers, so that no message needs to
	// be lost. A contestant without it is also measured with a window.
	BackPressure bool

	// MaxSize is the size of the largest message that it carries; 0: larger than any here.
	MaxSize int
	// Slow contestants are measured less often.
	Slow bool
	// Extra contestants are measured only if they are named.
	Extra bool
}

// Net is a running network.
type Net interface {
	// Emit sends a message from node m.From to all others. If the system makes its users
	// wait, Emit waits. It keeps no part of m. Each node emits from one goroutine at a
	// time.
	Emit(m check.Message) error

	// Close ends the network. When it returns, all its goroutines have ended.
	Close() error
}

// Troubled is a Net that counts its own errors.
type Troubled interface {
	// Troubles returns the counts by name. Counts of zero are omitted.
	Troubles() map[string]uint64
}

// Outside is a Net with processes of its own, in addition to this one.
type Outside interface {
	Processes() []int
}

// Datagrams is a Net that sends packets. Linux does not count these as written bytes.
type Datagrams interface {
	BytesSent() uint64
}

// Linked is a Net whose nodes have links that can end.
type Linked interface {
	// LinksLost counts the ends of links that have ended so far.
	LinksLost() uint64
}

// Staller is a Net whose last node can stop reading.
type Staller interface {
	// Stall makes the last node stop reading permanently. That node emits nothing, before
	// or after.
	Stall() error
	// Out reports whether the others have closed their links to the stalled node.
	Out() bool
}

// Missing reports why a system can't be measured on this machine.
type Missing struct{ Why string }

func (e *Missing) Error() string { return e.Why }
