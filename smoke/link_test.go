package smoke

import (
	"net"
	"testing"

	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/transport"
)

// Of a link that carries nothing from the peer any more, the peer learns by a
// reset: an orderly end would wait for what TCP repeats in vain.
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

	newLink(&driver{}, conn, "").finish(peerlist.ReasonSilent)
	if _, err := peer.Read(make([]byte, 1)); !transport.IsReset(err) {
		t.Errorf("the peer read: %v", err)
	}
}
