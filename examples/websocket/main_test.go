package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// web is a second network in memory, for the browsers.
type web struct {
	net    *mem.Network
	client *http.Client
}

func newWeb(t *testing.T) *web {
	network := mem.New()
	browsers := network.Host("10.1.0.1")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return browsers.Dial(ctx, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &web{network, &http.Client{Transport: transport}}
}

// addr is the address of server i for browsers.
func (*web) addr(i int) string { return fmt.Sprintf("10.2.0.%d:80", i+1) }

// serve accepts browsers at server i until the test ends.
func (w *web) serve(t *testing.T, i int, node *smoke.Node) {
	host, _, _ := net.SplitHostPort(w.addr(i))
	listener, err := w.net.Host(host).Listen(t.Context(), w.addr(i))
	if err != nil {
		t.Fatal(err)
	}
	hub := newHub(node)
	var server sync.WaitGroup
	// Owned by the test: its context ends it, and the cleanup waits.
	server.Go(func() {
		if err := serve(t.Context(), listener, hub); err != nil {
			t.Errorf("server %d: %v", i, err)
		}
	})
	t.Cleanup(server.Wait)
}

// window is a browser that has the page open.
type window struct {
	t    *testing.T
	conn *websocket.Conn

	mu    sync.Mutex // guards lines
	lines []string
}

// open opens the page at server i.
func (w *web) open(t *testing.T, i int) *window {
	conn, _, err := websocket.Dial(t.Context(), "ws://"+w.addr(i)+"/ws", &websocket.DialOptions{HTTPClient: w.client})
	if err != nil {
		t.Fatalf("browser at server %d: %v", i, err)
	}
	b := &window{t: t, conn: conn}
	var reader sync.WaitGroup
	// Owned by the test, which closes the connection and waits.
	reader.Go(func() {
		for {
			var l line
			if wsjson.Read(t.Context(), conn, &l) != nil {
				return
			}
			b.mu.Lock()
			b.lines = append(b.lines, l.Name+": "+l.Text)
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() { conn.CloseNow(); reader.Wait() })
	return b
}

func (b *window) say(name, text string) {
	b.t.Helper()
	if err := wsjson.Write(b.t.Context(), b.conn, line{name, text}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *window) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

func (b *window) want(lines ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.lines, lines) {
		b.t.Errorf("it shows %q, want %q", b.lines, lines)
	}
}

// withServers runs a story with n servers.
func withServers(t *testing.T, n int, story func(t *testing.T, net *smoketest.Network, w *web)) {
	var w *web
	o := smoketest.Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		if w == nil {
			w = newWeb(t) // must be made inside the bubble
		}
		w.serve(t, i, node)
	}}
	smoketest.RunWith(t, n, o, func(t *testing.T, net *smoketest.Network) { story(t, net, w) })
}

func TestBrowsersOfAllServersHearEachOther(t *testing.T) {
	withServers(t, 3, func(t *testing.T, net *smoketest.Network, w *web) {
		ann, bob, cem := w.open(t, 0), w.open(t, 1), w.open(t, 1)
		ann.say("ann", "hi")
		net.Settle()
		bob.say("bob", "hello")
		net.Settle()
		for _, b := range []*window{ann, bob, cem} {
			b.want("ann: hi", "bob: hello")
		}
	})
}

// While the servers are partitioned, their browsers keep working. The missed lines arrive
// after the heal.
func TestANetsplitBetweenServers(t *testing.T) {
	withServers(t, 4, func(t *testing.T, net *smoketest.Network, w *web) {
		ann, bob, cem := w.open(t, 0), w.open(t, 1), w.open(t, 3)
		net.Partition([]int{0, 1}, []int{2, 3})
		net.Settle()
		ann.say("ann", "is anybody there?")
		net.Settle()
		time.Sleep(time.Minute)
		bob.want("ann: is anybody there?")
		cem.want()
		net.Heal()
		net.Settle()
		cem.want("ann: is anybody there?")
	})
}

// A browser that reads nothing is disconnected and delays no other.
func TestABrowserThatIsTooSlow(t *testing.T) {
	withServers(t, 2, func(t *testing.T, net *smoketest.Network, w *web) {
		ann, bob := w.open(t, 0), w.open(t, 1)
		slow, _, err := websocket.Dial(t.Context(), "ws://"+w.addr(1)+"/ws", &websocket.DialOptions{HTTPClient: w.client})
		if err != nil {
			t.Fatal(err)
		}
		defer slow.CloseNow()
		text := strings.Repeat("x", longest/2)
		for n := range mem.Window/len(text) + 2*room {
			ann.say("ann", text)
			net.Wait(time.Second, "bob hears it", func() bool { return bob.len() > n })
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for err == nil { // what was sent to it before
			_, _, err = slow.Read(ctx)
		}
		if ctx.Err() != nil {
			t.Error("it was not let go")
		}
	})
}

// A page of another site can't connect through a visitor's browser.
func TestPagesOfOtherSitesStayOut(t *testing.T) {
	withServers(t, 1, func(t *testing.T, _ *smoketest.Network, w *web) {
		_, answer, err := websocket.Dial(t.Context(), "ws://"+w.addr(0)+"/ws", &websocket.DialOptions{
			HTTPClient: w.client,
			HTTPHeader: http.Header{"Origin": {"http://elsewhere.example"}},
		})
		if err == nil || answer.StatusCode != http.StatusForbidden {
			t.Errorf("it comes in: %v", err)
		}
	})
}
