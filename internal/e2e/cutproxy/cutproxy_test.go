package cutproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a proxy with an echo server on the side "right".
type world struct {
	t     *testing.T
	proxy *Proxy
	echo  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	proxy, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Close()
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() { // ends with the listener; goleak waits
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection; goleak waits
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	w := &world{t: t, proxy: proxy, echo: listener.Addr().String()}
	proxy.Place(w.echo, "right")
	return w
}

func (w *world) dialer(side string) Dialer { return Dialer{Proxy: w.proxy.Addr(), Side: side} }

func (w *world) dial(side string) net.Conn {
	w.t.Helper()
	conn, err := w.dialer(side).Dial(w.t.Context(), w.echo)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// startDial dials the echo server from the left side and returns the result later.
func (w *world) startDial(ctx context.Context) <-chan error {
	done := make(chan error)
	go func() { // ends with ctx, the cut or the proxy; the test waits for the error
		conn, err := w.dialer("left").Dial(ctx, w.echo)
		if err == nil {
			conn.Close()
		}
		done <- err
	}()
	return done
}

func (w *world) say(conn net.Conn, text string) {
	w.t.Helper()
	if _, err := io.WriteString(conn, text+"\n"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) hear(conn net.Conn, want string) {
	w.t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || line != want+"\n" {
		w.t.Fatalf("heard %q (%v), want %q", line, err, want)
	}
}

// healAndHear checks that a line arrives when the cut heals, and not before.
func (w *world) healAndHear(conn net.Conn, want string) {
	w.t.Helper()
	heard := make(chan string)
	go func() { // ends with the line, for which the test waits
		line, _ := bufio.NewReader(conn).ReadString('\n')
		heard <- line
	}()
	select {
	case line := <-heard:
		w.t.Fatalf("heard %q through the cut", line)
	default:
	}
	w.proxy.Heal()
	if line := <-heard; line != want+"\n" {
		w.t.Fatalf("after the cut heard %q", line)
	}
}

func TestRelays(t *testing.T) {
	w := newWorld(t)
	conn := w.dial("left")
	w.say(conn, "hello")
	w.hear(conn, "hello")
}

func TestACutHoldsBackUntilItHeals(t *testing.T) {
	w := newWorld(t)
	near, far := w.dial("right"), w.dial("left")
	w.proxy.Cut("left", "right")
	w.say(far, "during")
	w.say(near, "same side")
	w.hear(near, "same side")
	w.healAndHear(far, "during")
}

func TestAnAddressMayBePlacedAfterItWasDialled(t *testing.T) {
	w := newWorld(t)
	w.proxy.Place(w.echo, "left")
	conn := w.dial("left")
	w.proxy.Cut("left", "right")
	w.say(conn, "same side")
	w.hear(conn, "same side")
	w.proxy.Place(w.echo, "right")
	w.say(conn, "during")
	w.healAndHear(conn, "during")
}

func TestADialThroughACutWaitsForTheCaller(t *testing.T) {
	w := newWorld(t)
	w.proxy.Cut("left", "right")
	ctx, cancel := context.WithCancel(t.Context())
	failed := w.startDial(ctx)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("dial gave %v, want that it was cancelled", err)
	}
}

func TestADialThroughACutSucceedsWhenItHeals(t *testing.T) {
	w := newWorld(t)
	w.proxy.Cut("left", "right")
	done := w.startDial(t.Context())
	w.proxy.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTheEndOfAStreamIsPassedOn(t *testing.T) {
	w := newWorld(t)
	conn := w.dial("left")
	w.say(conn, "last words")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || string(text) != "last words\n" {
		t.Fatalf("heard %q, %v", text, err)
	}
}

func TestNobodyListening(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	listener.Close()
	if _, err := w.dialer("left").Dial(t.Context(), gone); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial gave %v, want connection refused", err)
	}
}

func TestCloseEndsConnectionsAndHangingDials(t *testing.T) {
	w := newWorld(t)
	conn := w.dial("left")
	w.proxy.Cut("left", "right")
	failed := w.startDial(t.Context())
	if err := w.proxy.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("a dial through a closed proxy succeeded")
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived its proxy")
	}
}

func TestBadAddressesAreRefusedAtOnce(t *testing.T) {
	d := Dialer{Proxy: "127.0.0.1:1", Side: "left"}
	for _, addr := range []string{"a b", "a\nb", string(make([]byte, maxRequest))} {
		if _, err := d.Dial(t.Context(), addr); err == nil {
			t.Errorf("dialled %q", addr)
		}
	}
}

func TestARequestThatIsNone(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"hello\n", string(make([]byte, 2*maxRequest))} {
		conn, err := net.Dial("tcp", w.proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, text)
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%.10q was answered with %d bytes", text, n)
		}
		conn.Close()
	}
}
