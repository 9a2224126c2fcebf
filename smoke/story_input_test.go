package smoke_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// What people, programs and other machines do wrong: each story says what a node
// answers, and that it goes on.

// SM1. The original throws at the first option that is missing. Ours need none,
// and say all that is wrong with those that are there, each by its name.
func TestBadOptionsAreAllNamed(t *testing.T) {
	for _, test := range []struct {
		options smoke.Options
		fields  []string
	}{
		{smoke.Options{Port: 70000}, []string{"Port"}},
		{smoke.Options{Address: "not an address"}, []string{"Address"}},
		{smoke.Options{Address: "127.0.0.1:8495"}, []string{"Address"}},
		{smoke.Options{Address: "0.0.0.0"}, []string{"Address"}},
		{smoke.Options{Listen: "127.0.0.1:1", Port: 2}, []string{"Listen"}},
		{smoke.Options{Advertise: "0.0.0.0:1"}, []string{"Advertise"}},
		{smoke.Options{Seeds: []string{"127.0.0.1:1", "nowhere"}}, []string{"Seeds[1]"}},
		{smoke.Options{Seeds: []string{"", "127.0.0.1:http"}}, []string{"Seeds[0]", "Seeds[1]"}},
		{smoke.Options{Seeds: []string{"192.0.2.1:8495"}}, []string{"Address"}}, // nobody there could answer
		{smoke.Options{MinPeers: 6, MaxPeers: 5}, []string{"MinPeers"}},
		{smoke.Options{MinPeers: -1}, []string{"MinPeers"}},
		{smoke.Options{PingInterval: -1, PingTimeout: 5}, []string{"PingInterval", "PingTimeout"}},
		{smoke.Options{Network: strings.Repeat("n", 65)}, []string{"Network"}},
		{smoke.Options{MaxPayload: 1<<20 + 1}, []string{"MaxPayload"}},
		{smoke.Options{Logger: 7}, []string{"Logger"}},
		{smoke.Options{Port: -1, MinPeers: 2, MaxPeers: 1, Seeds: []string{"x"}}, []string{"Port", "Seeds[0]", "MinPeers"}},
	} {
		s := tell(t)
		err := s.create(test.options).Start()
		problem, ok := errors.AsType[*smoke.OptionsError](err)
		if !ok {
			t.Errorf("%+v: %v", test.options, err)
			continue
		}
		var fields []string
		for _, p := range problem.Problems {
			fields = append(fields, p.Field)
			if p.Why == "" || p.Fix == "" || !strings.Contains(err.Error(), p.Fix) {
				t.Errorf("%s: says %q", p.Field, err)
			}
		}
		if fmt.Sprint(fields) != fmt.Sprint(test.fields) {
			t.Errorf("%+v: complains about %v, want %v", test.options, fields, test.fields)
		}
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	bob := s.create(smoke.Options{Port: portOf(t, ann.Addr())})
	err := bob.Start()
	listen, ok := errors.AsType[*transport.Error](err)
	if !ok || !transport.IsAddrInUse(err) || listen.Op != "listen" || listen.Addr != ann.Addr() {
		t.Fatalf("start on ann's port: %v", err)
	}
	if err := bob.Broadcast().Emit("word", 1); !errors.Is(err, smoke.ErrNotStarted) {
		t.Errorf("emit: %v", err)
	}
	if err := ann.Stop(); err != nil {
		t.Error(err)
	}
	if err := bob.Start(); err != nil {
		t.Errorf("start when the port is free: %v", err)
	}
}

func TestAnAddressOfAnotherMachineIsAnError(t *testing.T) {
	s := tell(t)
	err := s.create(smoke.Options{Address: "192.0.2.1"}).Start() // RFC 5737: nobody's
	if listen, ok := errors.AsType[*transport.Error](err); !ok || listen.Addr != "192.0.2.1:0" {
		t.Errorf("start: %v", err)
	}
}

func TestStartingTwiceIsAnError(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	addr := ann.Addr()
	if err := ann.Start(); !errors.Is(err, smoke.ErrStarted) {
		t.Errorf("second start: %v", err)
	}
	if ann.Addr() != addr {
		t.Errorf("listens on %s, before on %s", ann.Addr(), addr)
	}
}

// Without seeds a node waits to be found, and is.
func TestANodeWithoutSeedsIsFound(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{Seeds: []string{}})
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	bob.peer(ann)
	ann.speak(1)
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// A seed whose name is not known (yet), or has no address, is told in the log
// and asked for again. When it is known the node joins.
func TestANameThatDoesNotResolveIsAskedAgain(t *testing.T) {
	for what, empty := range map[string]bool{"not known": false, "without an address": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel() // waits for a second look-up
			s := tell(t)
			book := &phonebook{}
			if empty {
				book.write("dns://chat.test:1")
			}
			ann := s.start(smoke.Options{})
			bob := s.start(smoke.Options{Seeds: []string{"dns://chat.test:1"}, Resolver: book})
			bob.wantLogged("could not be looked up", "chat.test")
			book.write("dns://chat.test:1", ann.Addr())
			bob.peer(ann)
		})
	}
}

// AddPeer of a name that does not resolve says so, at once.
func TestAddingANameThatDoesNotResolve(t *testing.T) {
	s := tell(t)
	book := &phonebook{}
	book.write("dns://empty.test:1")
	ann := s.start(smoke.Options{Resolver: book})
	for _, addr := range []string{"dns://unknown.test:1", "dns://empty.test:1", "nonsense", ""} {
		err := ann.AddPeer(t.Context(), addr)
		if dial, ok := errors.AsType[*smoke.DialError](err); !ok || dial.Addr != addr || dial.Err == nil {
			t.Errorf("add %q: %v", addr, err)
		}
	}
	if err := ann.AddPeer(t.Context(), "dns://unknown.test:1"); !errors.Is(err, errNotListed) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// What listens at an address need not be a node. AddPeer says what it met.
func TestAddingWhatIsNoNode(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for _, test := range []struct {
		what string
		addr string
		want error
	}{
		{"nobody", fmt.Sprintf("127.0.0.1:%d", freePort(t)), smoke.ErrRefused},
		{"a web server", web.Listener.Addr().String(), nil}, // whether it answers depends on our id
		{"one that says garbage", listen(t, func(c net.Conn) { io.WriteString(c, "* OK IMAP4 ready\r\n") }), smoke.ErrNotSmokesignal},
		{"one that says nothing", listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }), smoke.ErrTimeout},
		{"one that hangs up", listen(t, func(c net.Conn) {}), smoke.ErrRefused},
		{"one that resets", listen(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), smoke.ErrRefused},
		{"a newer version", listen(t, greet(t, &wire.Hello{Major: wire.Major + 1, ID: someID})), smoke.ErrOtherVersion},
		{"another network", listen(t, greet(t, &wire.Hello{Major: wire.Major, ID: someID, Epoch: 1, Network: "other"})), smoke.ErrOtherNetwork},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel() // some wait for a timeout
			s := tell(t)
			ann := s.start(smoke.Options{})
			err := ann.AddPeer(t.Context(), test.addr)
			dial, ok := errors.AsType[*smoke.DialError](err)
			if !ok || dial.Addr != test.addr || test.want != nil && !errors.Is(err, test.want) {
				t.Fatalf("add: %v", err)
			}
			if errors.Is(err, smoke.ErrNotSmokesignal) || errors.Is(err, smoke.ErrOtherVersion) || errors.Is(err, smoke.ErrOtherNetwork) {
				ann.wantLogged("is no node of this network", test.addr)
			}
			s.wantNever([]*actor{ann}, "add", "connect")
			wantWell(s, ann)
		})
	}
}

// Not everybody who dials is a node. Each is turned away with a warning.
func TestBeingDialledByWhatIsNoNode(t *testing.T) {
	for _, test := range []struct {
		what   string
		reason string
		act    func(t *testing.T, addr string)
	}{
		{"a browser", "no smokesignal node", func(t *testing.T, addr string) {
			if r, err := http.Get("http://" + addr); err == nil {
				r.Body.Close()
				t.Errorf("a node is no web server: %s", r.Status)
			}
		}},
		{"one that says garbage", "no smokesignal node", func(t *testing.T, addr string) {
			s := visit(t, addr)
			s.mumble(bytes.Repeat([]byte{0xff}, 100))
			s.untilHungUp()
		}},
		{"one that says nothing", "no HELLO within", func(t *testing.T, addr string) {
			visit(t, addr).untilHungUp()
		}},
		{"one that trickles", "no HELLO within", func(t *testing.T, addr string) {
			s := visit(t, addr)
			frame, err := s.enc.Append(nil, hello())
			if err != nil {
				t.Fatal(err)
			}
			s.mumble(frame[:len(frame)-1])
			s.untilHungUp()
		}},
		{"a newer version", "another version", func(t *testing.T, addr string) {
			s := visit(t, addr)
			s.say(&wire.Hello{Major: wire.Major + 1, ID: someID})
			wantRefused(t, s, wire.RefuseVersion)
		}},
		{"another network", "another network", func(t *testing.T, addr string) {
			s := visit(t, addr)
			s.say(&wire.Hello{Major: wire.Major, ID: someID, Epoch: 1, Network: "other"})
			wantRefused(t, s, wire.RefuseNetwork)
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel() // some wait for a timeout
			s := tell(t)
			ann := s.start(smoke.Options{})
			test.act(t, ann.Addr())
			ann.wantLogged("connection was refused", test.reason)
			s.wantNever([]*actor{ann}, "add", "connect")
			wantWell(s, ann)
		})
	}
}

// wantRefused says that the node answers with its greeting and a reason.
func wantRefused(t *testing.T, s *stranger, why wire.RefuseCode) {
	t.Helper()
	heard := s.untilHungUp()
	if len(heard) == 0 {
		t.Fatal("the node hung up without a word")
	}
	if refuse, ok := heard[len(heard)-1].(*wire.Refuse); !ok || refuse.Code != why {
		t.Errorf("heard %+v", heard)
	}
}

// wantWell says that a node takes its next neighbour, and is heard.
func wantWell(s *story, a *actor) {
	s.Helper()
	friend := s.start(smoke.Options{Seeds: []string{a.Addr()}})
	friend.peer(a)
	a.speak(1)
	s.wantHeard([]*actor{friend}, []*actor{a})
}

// A neighbour that breaks the protocol loses its link, and the log says why.
func TestANeighbourThatTurnsBadIsDropped(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	for _, bad := range [][]byte{
		{0},                            // a frame of no length
		{0xff, 0xff, 0xff, 0xff, 0xff}, // a length over every limit
		{3, byte(plumtree.KindGossip), 0xff, 0xff},
		{4, byte(wire.KindDirect), 9, 'x', 'y'},
	} {
		turncoat := visit(t, ann.Addr())
		turncoat.befriend()
		addr := turncoat.conn.LocalAddr().String()
		turncoat.mumble(bad)
		turncoat.untilHungUp()
		ann.wantLogged("broke the protocol", addr)
		s.eventually("it is no neighbour any more", func() bool { return !ann.Peers().Has(someID) })
	}
	wantWell(s, ann)
}

// Arguments that would kill the decoder of msgpack reach a handler as an error
// in the log, and only those who listen look at them at all.
func TestPoisonedArgumentsHarmNobody(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("poison", func(v any) { t.Errorf("got %v", v) })
		smoke.On(p, "poison", func(_ smoke.Event, v []string) { t.Errorf("got %v", v) })
	})
	poisoner := visit(t, ann.Addr())
	poisoner.befriend()
	for _, payload := range [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff},       // an array of four thousand million
		{0x91, 0xdf, 0x04, 0x00, 0x00, 0x00}, // a map of 64 million
		{0x91, 0xc6, 0x40, 0x00, 0x00, 0x00}, // bytes, one GiB of them
		bytes.Repeat([]byte{0x91}, 1<<20-1),  // a million arrays in each other
		{},
		{0xc1},
	} {
		body, err := wire.AppendBody(nil, "poison", payload)
		if err != nil {
			t.Fatal(err)
		}
		poisoner.say(&wire.Direct{Body: body})
	}
	ann.wantLogged("could not take an event", "poison")
	wantWell(s, ann)
}

func TestBadEventNamesAreErrors(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	ann.add(bob)
	for _, name := range []string{"", "smoke:", "smoke:x", strings.Repeat("n", 256), "\xff"} {
		for what, err := range map[string]error{
			"broadcast": ann.Broadcast().Emit(name),
			"direct":    ann.peer(bob).Emit(name),
		} {
			problem, ok := errors.AsType[*smoke.NameError](err)
			if !ok || problem.Name != name || !strings.Contains(problem.At, "story_input_test.go:") {
				t.Errorf("%s %.20q: %v", what, name, err)
			}
		}
		cem := s.create(smoke.Options{})
		cem.Broadcast().On(name, func() {})
		if _, ok := errors.AsType[*smoke.NameError](cem.Start()); !ok {
			t.Errorf("listen for %.20q: no error", name)
		}
		cem.wantLogged("was not registered", "event name")
	}
	if err := ann.Broadcast().Emit(strings.Repeat("n", 255)); err != nil {
		t.Errorf("the longest name: %v", err)
	}
}

// A handler that can be none is told in the log when it is registered, and by
// Start, all of them together.
func TestBadHandlersAreErrors(t *testing.T) {
	s := tell(t)
	ann := s.create(smoke.Options{})
	ann.Broadcast().On("a", 7)
	ann.Broadcast().On("b", func(chan int) {})
	ann.Broadcast().On("c", func() (int, error) { return 0, nil })
	var none func()
	ann.Broadcast().On("d", none)
	ann.wantLogged("was not registered", "event \\\"a\\\"")
	err := ann.Start()
	if _, ok := errors.AsType[*smoke.HandlerError](err); !ok {
		t.Fatalf("start: %v", err)
	}
	for _, part := range []string{`event "a"`, `event "b"`, `event "c"`, `event "d"`, "story_input_test.go:"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("says nothing of %s: %v", part, err)
		}
	}
}

// On a node that runs, such a handler is told in the log and not called, and all
// others are.
func TestABadHandlerOnALivingNodeIsLogged(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.Broadcast().On("a", func(complex128) {})()
	ann.wantLogged("was not registered", "complex128")
	wantWell(s, ann)
}

// Arguments that do not fit a handler are told in the log of whoever hears them,
// and the handlers that they fit get them.
func TestArgumentsThatDoNotFitAreLogged(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	got := make(chan string, 1)
	bob.Broadcast().On("fit", func(n int) { t.Errorf("got %d", n) })
	bob.Broadcast().On("fit", func(text, more string) { t.Errorf("got %s, %s", text, more) })
	bob.Broadcast().On("fit", func(text string) { got <- text })
	ann.add(bob)
	if err := ann.Broadcast().Emit("fit", "text"); err != nil {
		t.Fatal(err)
	}
	if text := wait(t, "the event", got); text != "text" {
		t.Errorf("got %q", text)
	}
	bob.wantLogged("could not take an event", "want int, got")
	s.wantNever([]*actor{bob}, "remove")
	wantWell(s, bob)
}

// What can't be sent is an error of Emit, and nothing of it is sent.
func TestWhatCannotBeSentIsAnError(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{MaxPayload: 100}), s.start(smoke.Options{})
	bob.Broadcast().On("bad", func() { t.Error("arrived") })
	ann.add(bob)
	ring := []any{nil}
	ring[0] = ring
	for _, arg := range []any{func() {}, make(chan int), ring, complex(1, 1)} {
		err := ann.Broadcast().Emit("bad", "first", arg)
		if bad, ok := errors.AsType[*smoke.EncodeError](err); !ok || bad.Arg != 2 {
			t.Errorf("emit %T: %v", arg, err)
		}
	}
	var tooLarge smoke.TooLargeError
	for what, err := range map[string]error{
		"broadcast": ann.Broadcast().Emit("bad", strings.Repeat("x", 98)),
		"direct":    ann.peer(bob).Emit("bad", strings.Repeat("x", 98)),
	} {
		if !errors.As(err, &tooLarge) || tooLarge != (smoke.TooLargeError{Size: 101, Limit: 100}) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ann.speak(1) // the numbers have no hole
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// A handler that panics is told in the log, with its stack, and the next event
// finds it again.
func TestAHandlerThatPanicsIsLogged(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	calls := make(chan int, 2)
	bob.Broadcast().On("boom", func(n int) {
		calls <- n
		panic("boom")
	})
	ann.add(bob)
	for n := range 2 {
		if err := ann.Broadcast().Emit("boom", n); err != nil {
			t.Fatal(err)
		}
		if got := wait(t, "the call", calls); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
	}
	bob.wantLogged("a handler panicked", "story_input_test.go")
	wantWell(s, bob)
}

// Two networks that meet by accident stay two.
func TestNetworksStayApart(t *testing.T) {
	s := tell(t)
	red := s.start(smoke.Options{Network: "red"})
	blue := s.start(smoke.Options{Network: "blue", Seeds: []string{red.Addr()}})
	blue.wantLogged("is no node of this network", "red")
	red.wantLogged("connection was refused", "blue")
	if err := blue.AddPeer(t.Context(), red.Addr()); !errors.Is(err, smoke.ErrOtherNetwork) {
		t.Errorf("add: %v", err)
	}
	red2 := s.start(smoke.Options{Network: "red", Seeds: []string{red.Addr()}})
	red2.peer(red)
	s.wantNever([]*actor{blue}, "add")
}

// Full nodes say that they are full.
func TestAddingToAFullNode(t *testing.T) {
	s := tell(t)
	o := smoke.Options{MinPeers: 1, MaxPeers: 1}
	ann, bob, cem := s.start(o), s.start(o), s.start(smoke.Options{})
	ann.add(bob)
	if err := ann.AddPeer(t.Context(), cem.Addr()); !errors.Is(err, smoke.ErrFull) {
		t.Errorf("full oneself: %v", err)
	}
	if err := cem.AddPeer(t.Context(), bob.Addr()); !errors.Is(err, smoke.ErrPeerFull) {
		t.Errorf("the other full: %v", err)
	}
	if err := ann.AddPeer(t.Context(), bob.Addr()); err != nil {
		t.Errorf("neighbours already: %v", err)
	}
	if err := cem.RemovePeer(bob.ID()); !errors.Is(err, smoke.ErrPeerGone) {
		t.Errorf("remove a stranger: %v", err)
	}
}

// listen accepts connections, which act ends, until the test is over.
func listen(t *testing.T, act func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait() // the nodes have stopped by now, which ends what act reads
	})
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				act(c)
			})
		}
	})
	return l.Addr().String()
}

// greet answers a connection with a greeting, and waits for its end.
func greet(t *testing.T, hello *wire.Hello) func(net.Conn) {
	return func(c net.Conn) {
		c.SetDeadline(time.Now().Add(soon))
		var enc wire.Encoder
		frame, err := enc.Append(nil, hello)
		if err != nil {
			t.Error(err)
		}
		c.Write(frame)
		io.Copy(io.Discard, c)
	}
}

// Whoever brings a logger of their own gets every word there.
func TestTheLogGoesWhereItIsSent(t *testing.T) {
	s := tell(t)
	var out syncBuffer
	logger := logrus.New()
	logger.SetOutput(&out)
	ann := s.start(smoke.Options{Logger: logger.WithField("app", "story")})
	s.eventually("the start is told", func() bool {
		return strings.Contains(out.String(), "listening") && strings.Contains(out.String(), "app=story") &&
			strings.Contains(out.String(), ann.ID().Short())
	})
}

// syncBuffer is a buffer that one goroutine writes while another reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}
func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.buf.String() }
