package smoke

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

var allFaults = []error{
	ErrRefused, ErrTimeout, ErrOtherNetwork, ErrOtherVersion, ErrNotSmokesignal, ErrNotAdmitted, ErrPlaintext,
	ErrSelf, ErrSameID, ErrFull, ErrPeerFull,
}

// For each way in which a handshake fails, exactly one error matches, and it is the right one.
func TestWhatIsNoPeerIsCalledByItsName(t *testing.T) {
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
		}
	}
	speaksTLS := func(protocols ...string) func(net.Conn) {
		return func(c net.Conn) {
			server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: protocols})
			io.Copy(io.Discard, server)
		}
	}
	hello := func(h wire.Hello) func(net.Conn) {
		var e wire.Encoder
		h.ID, h.Epoch = ID{1}, 1
		frame, err := e.Append(nil, &h)
		if err != nil {
			t.Fatal(err)
		}
		return says(string(frame))
	}
	whole := hello(wire.Hello{Major: wire.Major})
	for _, c := range []struct {
		what        string
		act         func(net.Conn)
		plain, safe error // of a node with plaintext links, and of one with encrypted links
	}{
		{"hangs", func(c net.Conn) { io.Copy(io.Discard, c) }, ErrTimeout, ErrTimeout},
		{"reads nothing", func(c net.Conn) { time.Sleep(time.Minute) }, ErrTimeout, ErrTimeout},
		{"begins a HELLO and hangs", says("\x1a\x01SMOK\x01"), ErrTimeout, ErrPlaintext},
		{"says one byte and hangs", says("\x1a"), ErrTimeout, ErrTimeout},
		{"begins a handshake and hangs", says("\x16\x03\x03"), ErrPlaintext, ErrTimeout},
		{"hangs up", func(c net.Conn) {}, ErrRefused, ErrRefused},
		{"hangs up after it has heard us", func(c net.Conn) { c.Read(make([]byte, 1)) }, ErrRefused, ErrRefused},
		{"begins a HELLO and hangs up", func(c net.Conn) { io.WriteString(c, "\x1a\x01SMOK\x01") }, ErrRefused, nil},
		{"is a web server", says("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrNotSmokesignal, ErrNotSmokesignal},
		{"is a mail server", says("220 mail ready\r\n"), ErrNotSmokesignal, ErrNotSmokesignal},
		{"is an SSH server", says("SSH-2.0-x\r\n"), ErrNotSmokesignal, ErrNotSmokesignal},
		{"sends zeros", says(string(make([]byte, 100))), ErrNotSmokesignal, ErrNotSmokesignal},
		{"echoes", func(c net.Conn) { io.Copy(c, c) }, ErrNotSmokesignal, ErrNotSmokesignal},
		{"is a web server with TLS", speaksTLS("h2", "http/1.1"), ErrRefused, ErrNotSmokesignal},
		{"speaks TLS and no protocol", speaksTLS(), ErrRefused, ErrNotSmokesignal},
		{"is a node of the next version", speaksTLS("smokesignal/2", "smokesignal/1"), ErrRefused, ErrNotAdmitted}, // the server's certificate is not that of a node
		{"says TLS alert 70", says("\x15\x03\x03\x00\x02\x02\x46"), ErrPlaintext, ErrNotSmokesignal},
		{"is a plaintext node", whole, nil, ErrPlaintext},
		{"is of another network", hello(wire.Hello{Major: wire.Major, Network: "other"}), ErrOtherNetwork, ErrPlaintext},
		{"is of another version", hello(wire.Hello{Major: wire.Major + 1}), ErrOtherVersion, ErrPlaintext},
		{"is busy", says("\x06\x02\x00\x03abc"), ErrRefused, ErrPlaintext},
		{"does not let us in", says("\x06\x02\x05\x03abc"), ErrNotAdmitted, ErrPlaintext},
	} {
		for _, encrypted := range []bool{false, true} {
			want := c.plain
			if encrypted {
				want = c.safe
			}
			if want == nil {
				continue // the connection stays open
			}
			t.Run(fmt.Sprintf("it %s, encrypted %v", c.what, encrypted), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					network := mem.New()
					listener, err := network.Host("10.0.0.1").Listen(t.Context(), "10.0.0.1:1")
					if err != nil {
						t.Fatal(err)
					}
					defer listener.Close()
					go func() { // ends with the listener
						for {
							conn, err := listener.Accept()
							if err != nil {
								return
							}
							go func() { // ends with the node
								defer conn.Close()
								c.act(conn)
							}()
						}
					}()
					o := Options{Address: "10.0.0.2", Transport: network.Host("10.0.0.2"), Logger: slog.New(slog.DiscardHandler)}
					if encrypted {
						o.Key = newTestKey(t)
					}
					n := CreateNode(o)
					if err := n.Start(); err != nil {
						t.Fatal(err)
					}
					defer func() {
						n.Stop()
						time.Sleep(time.Minute) // until the other programs have finished
					}()
					err = n.AddPeer(t.Context(), "10.0.0.1:1")
					var dial *DialError
					if !errors.As(err, &dial) {
						t.Fatalf("it %s (encrypted %v): %v", c.what, encrypted, err)
					}
					for _, fault := range allFaults {
						if errors.Is(err, fault) != (fault == want) {
							t.Errorf("it %s (encrypted %v): %v; want %q and no other", c.what, encrypted, err, want)
							break
						}
					}
				})
			})
		}
	}
}

// Addresses where nothing listens, silent addresses, and nodes of other kinds.
func TestNodesThatDoNotFitAreCalledByTheirName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		node := func(ip string, o Options) *Node {
			o.Address, o.Port, o.Transport = ip, 1, network.Host(ip)
			return startNode(t, o)
		}
		plain, safe := node("10.0.0.1", Options{}), node("10.0.0.2", Options{Key: newTestKey(t)})
		closed := node("10.0.0.3", Options{Secret: trust.NewSecret()})
		for _, c := range []struct {
			of   *Node
			addr string
			want []error
		}{
			{plain, "10.0.0.1:2", []error{ErrRefused}},
			{plain, "10.0.0.9:1", []error{ErrTimeout}},
			{plain, safe.Addr(), []error{ErrPlaintext}},
			{safe, plain.Addr(), []error{ErrPlaintext, ErrRefused}}, // a node of version 1.0 just hangs up
			{safe, closed.Addr(), []error{ErrNotAdmitted}},
			{closed, safe.Addr(), []error{ErrNotAdmitted}},
			{plain, plain.Addr(), []error{ErrSelf}},
		} {
			err := c.of.AddPeer(t.Context(), c.addr)
			if !slices.ContainsFunc(c.want, func(want error) bool { return errors.Is(err, want) }) {
				t.Errorf("%s dials %s: %v, want %v", c.of.Addr(), c.addr, err, c.want)
			}
		}
	})
}

func newTestKey(t *testing.T) *trust.Key {
	key, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certificate returns a chain that no node has: one certificate, twice.
func certificate(t *testing.T) tls.Certificate {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, der}, PrivateKey: private}
}
