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

// Each of these tests has a mistake of a user, a program or another machine. It checks
// the error or log of the node, and that the node continues.

// SM1. The original throws at the first missing option. Smokesignal in Go needs no option,
// and reports all invalid ones at once, each by its name.
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
		{smoke.Options{Seeds: []string{"192.0.2.1:8495"}}, []string{"Address"}}, // a node at that address could not answer
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
	err := s.create(smoke.Options{Address: "192.0.2.1"}).Start() // RFC 5737: an address for documentation
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

// A node without seeds waits until another node dials it.
func TestANodeWithoutSeedsIsFound(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{Seeds: []string{}})
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	bob.peer(ann)
	ann.speak(1)
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// If the name of a seed can't be resolved yet, or has no address, the node logs that and
// looks it up again. It joins when the name resolves.
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

// AddPeer of a name that does not resolve returns an error at once.
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

// The program at an address may not be a node. AddPeer returns an error that names the kind
// of program.
func TestAddingAnAddressWithoutANode(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for _, test := range []struct {
		what string
		addr string
		want error
	}{
		{"a closed port", fmt.Sprintf("127.0.0.1:%d", freePort(t)), smoke.ErrRefused},
		{"a web server", web.Listener.Addr().String(), nil}, // the error depends on our id, which is random
		{"a server that sends garbage", listen(t, func(c net.Conn) { io.WriteString(c, "* OK IMAP4 ready\r\n") }), smoke.ErrNotSmokesignal},
		{"a server that sends nothing", listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }), smoke.ErrTimeout},
		{"a server that hangs up", listen(t, func(c net.Conn) {}), smoke.ErrRefused},
		{"a server that resets", listen(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), smoke.ErrRefused},
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

// A program that dials the node may not be a node. The node refuses it and logs a
// warning.
func TestConnectionsOfOtherProgramsAreRefused(t *testing.T) {
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
		{"a client that sends garbage", "no smokesignal node", func(t *testing.T, addr string) {
			s := visit(t, addr)
			s.mumble(bytes.Repeat([]byte{0xff}, 100))
			s.untilHungUp()
		}},
		{"a client that sends nothing", "no HELLO within", func(t *testing.T, addr string) {
			visit(t, addr).untilHungUp()
		}},
		{"a client that sends only a part of its HELLO", "no HELLO within", func(t *testing.T, addr string) {
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

// wantRefused checks that the last frame of the node is a REFUSE with the given reason.
func wantRefused(t *testing.T, s *stranger, why wire.RefuseCode) {
	t.Helper()
	heard := s.untilHungUp()
	if len(heard) == 0 {
		t.Fatal("the node hung up and sent nothing")
	}
	if refuse, ok := heard[len(heard)-1].(*wire.Refuse); !ok || refuse.Code != why {
		t.Errorf("heard %+v", heard)
	}
}

// wantWell checks that a node still works: it accepts another neighbour, which receives its
// events.
func wantWell(s *story, a *actor) {
	s.Helper()
	friend := s.start(smoke.Options{Seeds: []string{a.Addr()}})
	friend.peer(a)
	a.speak(1)
	s.wantHeard([]*actor{friend}, []*actor{a})
}

// A neighbour that breaks the protocol loses its link, and the log has the reason.
func TestANeighbourThatBreaksTheProtocolIsDropped(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	for _, bad := range [][]byte{
		{0},                            // a frame of length zero
		{0xff, 0xff, 0xff, 0xff, 0xff}, // a length above all limits
		{3, byte(plumtree.KindGossip), 0xff, 0xff},
		{4, byte(wire.KindDirect), 9, 'x', 'y'},
	} {
		eve := visit(t, ann.Addr())
		eve.befriend()
		addr := eve.conn.LocalAddr().String()
		eve.mumble(bad)
		eve.untilHungUp()
		ann.wantLogged("broke the protocol", addr)
		s.eventually("it is no neighbour any more", func() bool { return !ann.Peers().Has(someID) })
	}
	wantWell(s, ann)
}

// Arguments that would make the msgpack decoder allocate without bound do not reach a
// handler; the node logs an error. Nodes without a handler do not decode them at all.
func TestMaliciousArgumentsDoNoHarm(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.Peers().OnAdd(func(p *smoke.Peer) {
		p.On("poison", func(v any) { t.Errorf("got %v", v) })
		smoke.On(p, "poison", func(_ smoke.Event, v []string) { t.Errorf("got %v", v) })
	})
	poisoner := visit(t, ann.Addr())
	poisoner.befriend()
	for _, payload := range [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff},       // an array of 4,294,967,295 elements
		{0x91, 0xdf, 0x04, 0x00, 0x00, 0x00}, // a map of 67,108,864 entries
		{0x91, 0xc6, 0x40, 0x00, 0x00, 0x00}, // bytes: 1 GiB
		bytes.Repeat([]byte{0x91}, 1<<20-1),  // a million nested arrays
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

// An invalid handler is logged when it is registered. Start returns all of them in one
// error.
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

// On a running node, an invalid handler is logged and not called. All other handlers are
// called.
func TestABadHandlerOnARunningNodeIsLogged(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.Broadcast().On("a", func(complex128) {})()
	ann.wantLogged("was not registered", "complex128")
	wantWell(s, ann)
}

// If arguments do not fit a handler, the receiving node logs that. It calls the handlers
// that the arguments fit.
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

// If an argument can't be sent, Emit returns an error, and no event is sent.
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
	ann.speak(1) // the failed events have taken no number
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

// A panic of a handler is logged with its stack, and the handler gets the next event.
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

// Two networks that get into contact by accident do not merge.
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

// AddPeer reports which of the two nodes is full.
func TestAddingToAFullNode(t *testing.T) {
	s := tell(t)
	o := smoke.Options{MinPeers: 1, MaxPeers: 1}
	ann, bob, cem := s.start(o), s.start(o), s.start(smoke.Options{})
	ann.add(bob)
	if err := ann.AddPeer(t.Context(), cem.Addr()); !errors.Is(err, smoke.ErrFull) {
		t.Errorf("the dialling node is full: %v", err)
	}
	if err := cem.AddPeer(t.Context(), bob.Addr()); !errors.Is(err, smoke.ErrPeerFull) {
		t.Errorf("the dialled node is full: %v", err)
	}
	if err := ann.AddPeer(t.Context(), bob.Addr()); err != nil {
		t.Errorf("neighbours already: %v", err)
	}
	if err := cem.RemovePeer(bob.ID()); !errors.Is(err, smoke.ErrPeerGone) {
		t.Errorf("remove a stranger: %v", err)
	}
}

// listen accepts connections until the test ends. act handles each one and ends it.
func listen(t *testing.T, act func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait() // the nodes have stopped, so the reads of act return
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

// greet returns an act for listen that sends a HELLO and waits for the end of the
// connection.
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

// If the program sets a Logger, the whole log goes there.
func TestTheLogGoesToTheLoggerOfTheProgram(t *testing.T) {
	s := tell(t)
	var out syncBuffer
	logger := logrus.New()
	logger.SetOutput(&out)
	ann := s.start(smoke.Options{Logger: logger.WithField("app", "story")})
	s.eventually("the start is logged", func() bool {
		return strings.Contains(out.String(), "listening") && strings.Contains(out.String(), "app=story") &&
			strings.Contains(out.String(), ann.ID().Short())
	})
}

// syncBuffer is a buffer for one goroutine that writes and one that reads.
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
