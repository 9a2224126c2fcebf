package engine

import (
	"net"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/transport"
)

// If nothing comes from the peer any more, the link ends with a reset. An orderly end
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
