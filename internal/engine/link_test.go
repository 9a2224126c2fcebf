package engine

import (
	"net"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/transport"
)

// If no data arrives from the peer any more, the link ends with a reset. An orderly end
// would wait behind the bytes that TCP repeats.
func TestASilentLinkEndsWithAReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()

	newLink(&Driver{}, conn, "").finish(hyparview.ReasonSilent)
	if _, err := peer.Read(make([]byte, 1)); !transport.IsReset(err) {
		t.Errorf("the peer read: %v", err)
	}
}

// The buffer of a link grows with the bytes of a frame, whatever length the frame announces.
func TestRoomGrowsAsTheBytesArrive(t *testing.T) {
	for _, c := range []struct{ want, filled, room, steps int }{
		{1 << 20, 5, 2 * readSmall, 4},
		{1 << 20, readLarge, 4 * readLarge, 1},
		{100, 5, 100, 0},
	} {
		room, steps := roomFor(c.want, c.filled), 0
		if room != c.room {
			t.Errorf("room for %d bytes of %d: %d, want %d", c.filled, c.want, room, c.room)
		}
		for ; room < c.want; steps++ {
			room = roomFor(c.want, room)
		}
		if room != c.want || steps != c.steps {
			t.Errorf("%d bytes of %d: room for %d after %d steps, want %d", c.filled, c.want, room, steps, c.steps)
		}
	}
}
