package smoke_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// stranger is a peer that sends frames by hand, so that it can break the protocol.
type stranger struct {
	t    testing.TB
	conn net.Conn
	enc  wire.Encoder
	dec  wire.Decoder
	buf  []byte
}

// someID is an id that no node of a test has.
var someID = ident.ID{0xee, 1}

// visit dials a node and returns a stranger at this end of the connection.
func visit(t testing.TB, addr string) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return receive(t, conn)
}

// receive returns a stranger at this end of a connection.
func receive(t testing.TB, conn net.Conn) *stranger {
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return &stranger{t: t, conn: conn}
}

// say sends a message.
func (s *stranger) say(m any) {
	s.t.Helper()
	frame, err := s.enc.Append(nil, m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mumble(frame)
}

// mumble sends bytes.
func (s *stranger) mumble(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// next returns the next message, or nil after the node has closed the connection.
func (s *stranger) next() any {
	s.t.Helper()
	for {
		m, n, err := s.dec.Next(s.buf)
		if err != nil {
			s.t.Fatalf("the node sent bytes that are not a frame: %v", err)
		}
		if n > 0 {
			s.buf = s.buf[n:]
			return m
		}
		more := make([]byte, 4096)
		got, err := s.conn.Read(more)
		s.buf = append(s.buf, more[:got]...)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			s.t.Fatalf("the node neither answers nor hangs up: %v", err)
		}
		if got == 0 && err != nil {
			if len(s.buf) > 0 && errors.Is(err, io.EOF) {
				s.t.Fatalf("the node hung up in the middle of a frame")
			}
			return nil
		}
	}
}

// untilHungUp returns all messages until the node closes the connection.
func (s *stranger) untilHungUp() (heard []any) {
	s.t.Helper()
	for m := s.next(); m != nil; m = s.next() {
		heard = append(heard, m)
	}
	return heard
}

// hello returns the HELLO of a node of storyNetwork.
func hello() *wire.Hello {
	return &wire.Hello{Major: wire.Major, Minor: wire.Minor, Network: storyNetwork, ID: someID, Epoch: 1}
}

// befriend sends a HELLO, becomes a neighbour of the node, and returns the node's HELLO.
func (s *stranger) befriend() *wire.Hello {
	s.t.Helper()
	return s.befriendAs(someID)
}

// befriendAs is befriend with another id.
func (s *stranger) befriendAs(id ident.ID) *wire.Hello {
	s.t.Helper()
	greeting := hello()
	greeting.ID = id
	s.say(greeting)
	theirs, ok := s.next().(*wire.Hello)
	if !ok {
		s.t.Fatal("the node sends no HELLO")
	}
	s.say(&hyparview.Neighbor{})
	for {
		switch m := s.next().(type) {
		case *hyparview.NeighborReply:
			if !m.Accepted {
				s.t.Fatalf("the node refuses: %v", m.Reason)
			}
			return theirs
		case nil:
			s.t.Fatal("the node hung up")
		}
	}
}
