// Package tree is the ideal broadcast over TCP, as a bound for real systems. It has no
// membership, no repair and no order beyond TCP's, and one spanning tree of a random
// 4-regular graph that was drawn beforehand. A frame is its length and its bytes. A node
// reads into a buffer of 64 KiB, forwards the whole frames in it with one write per other
// link, and passes them to its handler. Writes block, which is all its backpressure. A tree
// has no cycles, so no node waits for itself.
//
// There are two contestants. In one the handler takes the bytes. In the other it takes a struct:
// every node decodes every frame with msgpack, and forwards the bytes unchanged.
package tree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// Opaque passes bytes to the handlers.
var Opaque = contest.Contestant{
	Name: "tree", Is: "ideal: opaque frames down one spanning tree, batched writes",
	BackPressure: true,
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) {
		return open(ctx, c, opaque{c.Receive})
	},
}

// Msgpack decodes at every node.
var Msgpack = contest.Contestant{
	Name: "tree-msgpack", Is: "the same tree, msgpack decoded at every node",
	BackPressure: true,
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) {
		return open(ctx, c, packed{c.Receive})
	},
}

const (
	bufferSize = 64 << 10
	prefix     = 4 // bytes of a frame's length

	// The size of the kernel's buffers, for each direction of a link. By default Linux lets
	// them grow to megabytes. Then a network of 100 nodes that all send holds a hundred
	// million deliveries, with no gain. Of 32 KiB to 512 KiB this size costs the least
	// processor time for each delivery.
	socketBuffer = 128 << 10
)

// codec is the difference between the two contestants.
type codec interface {
	// append appends the content of a frame.
	append(b []byte, m check.Message) ([]byte, error)
	// receiver returns the handler of one link, which is called from one goroutine.
	receiver(node int) func(frame []byte)
}

type overlay struct {
	nodes   []*node
	running sync.WaitGroup // all goroutines of all nodes
}

type node struct {
	codec codec
	links []*link

	mu      sync.Mutex // guards all below
	changed sync.Cond  // pending or closed
	pending []byte     // frames of this node that are not written yet
	closed  bool
}

type link struct {
	conn  net.Conn
	write sync.Mutex // held during a write, so that batches stay whole
}

func open(ctx context.Context, c contest.Config, codec codec) (contest.Net, error) {
	o := &overlay{nodes: make([]*node, c.N)}
	for i := range o.nodes {
		n := &node{codec: codec}
		n.changed.L = &n.mu
		o.nodes[i] = n
	}
	if err := o.connect(ctx, spanning(c.N, c.Seed)); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	for i, n := range o.nodes {
		o.running.Go(n.send) // owner: the overlay; Close ends it and waits
		for _, l := range n.links {
			receive := codec.receiver(i)
			o.running.Go(func() { n.read(l, receive, c.Size) }) // likewise
		}
	}
	return o, nil
}

// connect makes all links at once: every node listens and dials its parent.
func (o *overlay) connect(ctx context.Context, parent []int) error {
	children := make([]int, len(parent))
	listeners := make([]net.Listener, len(parent))
	for i := range parent {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		defer l.Close()
		listeners[i] = l
		if parent[i] >= 0 {
			children[parent[i]]++
		}
	}
	var all sync.WaitGroup
	failed := make(chan error, 2*len(parent)) // has room for a result of each end of a link
	stop := context.AfterFunc(ctx, func() {
		for _, l := range listeners {
			l.Close()
		}
	})
	defer stop()
	for i, n := range o.nodes {
		all.Go(func() { // owner: this call; ends when all connections are accepted
			for range children[i] {
				conn, err := listeners[i].Accept()
				if err != nil {
					failed <- fmt.Errorf("node %d: %w", i, err)
					return
				}
				failed <- n.add(conn)
			}
		})
		if parent[i] < 0 {
			continue
		}
		all.Go(func() { // owner: this call; ends when the dials are done
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, "tcp", listeners[parent[i]].Addr().String())
			if err != nil {
				failed <- fmt.Errorf("node %d: %w", i, err)
				return
			}
			failed <- n.add(conn)
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *node) add(conn net.Conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links = append(n.links, &link{conn: conn})
	tcp := conn.(*net.TCPConn)
	return errors.Join(tcp.SetReadBuffer(socketBuffer), tcp.SetWriteBuffer(socketBuffer))
}

// Emit puts a frame into the buffer of its node. It waits while the buffer is full.
func (o *overlay) Emit(m check.Message) error {
	n := o.nodes[m.From]
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.pending) >= bufferSize && !n.closed {
		n.changed.Wait()
	}
	if n.closed {
		return net.ErrClosed
	}
	at := len(n.pending)
	frame, err := n.codec.append(append(n.pending, 0, 0, 0, 0), m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	binary.LittleEndian.PutUint32(frame[at:], uint32(len(frame)-at-prefix))
	n.pending = frame
	n.changed.Broadcast()
	return nil
}

// send writes a node's own frames to all its links.
func (n *node) send() {
	var batch []byte
	for {
		n.mu.Lock()
		for len(n.pending) == 0 && !n.closed {
			n.changed.Wait()
		}
		if n.closed {
			n.mu.Unlock()
			return
		}
		batch, n.pending = n.pending, batch[:0]
		n.changed.Broadcast()
		n.mu.Unlock()
		if n.pass(batch, nil) != nil {
			return // Close has closed the links
		}
	}
}

// pass writes a batch to all links except one.
func (n *node) pass(batch []byte, except *link) error {
	for _, l := range n.links {
		if l == except {
			continue
		}
		l.write.Lock()
		_, err := l.conn.Write(batch)
		l.write.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads frames from a link until it is closed.
func (n *node) read(l *link, receive func([]byte), size int) {
	buf := make([]byte, max(bufferSize, 2*(size+1024)))
	filled := 0
	for {
		got, err := l.conn.Read(buf[filled:])
		filled += got
		whole := 0
		for rest := buf[:filled]; len(rest) >= prefix; rest = buf[whole:filled] {
			end := prefix + int(binary.LittleEndian.Uint32(rest))
			if end > len(rest) {
				break
			}
			whole += end
		}
		if whole > 0 {
			if n.pass(buf[:whole], l) != nil {
				return
			}
			for rest := buf[:whole]; len(rest) > 0; {
				end := prefix + int(binary.LittleEndian.Uint32(rest))
				receive(rest[prefix:end])
				rest = rest[end:]
			}
			filled = copy(buf, buf[whole:filled])
		}
		if err != nil {
			return // io.EOF or net.ErrClosed: a link ends only by Close
		}
	}
}

// Close ends all nodes.
func (o *overlay) Close() error {
	for _, n := range o.nodes {
		n.mu.Lock()
		n.closed = true
		n.changed.Broadcast()
		for _, l := range n.links {
			l.conn.Close()
		}
		n.mu.Unlock()
	}
	o.running.Wait()
	return nil
}
