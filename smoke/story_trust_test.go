package smoke_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
	"github.com/smokesignal-go/smokesignal/trust"
)

// These tests are about the nodes that a network admits, and about what other machines
// can learn.

func newKey(t testing.TB) *trust.Key {
	t.Helper()
	key, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tap is a transport that records all bytes that its node sends and receives.
type tap struct {
	tcp.Transport
	mu   sync.Mutex // guards seen
	seen bytes.Buffer
}

type tappedConn struct {
	*tcp.Conn
	tap *tap
}

func (t *tap) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := t.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &tappedConn{conn.(*tcp.Conn), t}, nil
}

func (t *tap) note(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Write(b)
}

func (t *tap) heard(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.seen.Bytes(), []byte(text))
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.note(b[:n])
	return n, err
}

func (c *tappedConn) Write(b []byte) (int, error) {
	c.tap.note(b)
	return c.Conn.Write(b)
}

func TestEavesdroppersLearnNothing(t *testing.T) {
	const word = "the crown jewels are in the cellar"
	for _, safe := range []bool{false, true} { // without encryption the tap must see the word, else the test proves nothing
		t.Run(fmt.Sprint("encrypted ", safe), func(t *testing.T) {
			s := tell(t)
			line := new(tap)
			var annOptions, bobOptions smoke.Options
			if safe {
				annOptions.Key, bobOptions.Key = newKey(t), newKey(t)
			}
			ann := s.start(annOptions)
			bobOptions.Seeds, bobOptions.Transport = []string{ann.Addr()}, line
			bob := s.create(bobOptions)
			got := make(chan string, 1)
			bob.Broadcast().On("secret", func(text string) { got <- text })
			if err := bob.Start(); err != nil {
				t.Fatal(err)
			}
			s.eventually("they are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
			if err := ann.Broadcast().Emit("secret", word); err != nil {
				t.Fatal(err)
			}
			if text := <-got; text != word {
				t.Errorf("bob heard %q", text)
			}
			if line.heard(word) == safe || line.heard("secret") == safe {
				t.Errorf("the tap saw it: %v", !safe)
			}
			if safe && (ann.ID() != annOptions.Key.ID() || bob.ID() != bobOptions.Key.ID() || bob.peer(ann).ID() != ann.ID()) {
				t.Errorf("ann is %s, bob %s: these are not the ids of their keys", ann.ID(), bob.ID())
			}
		})
	}
}

func TestAnEncryptedNetwork(t *testing.T) {
	s := tell(t)
	secret := trust.NewSecret()
	first := s.start(smoke.Options{Secret: secret})
	cast := append([]*actor{first}, s.startAtOnce(15, smoke.Options{Secret: secret, Seeds: []string{first.Addr()}})...)
	s.wantOverlay(cast, 3)
	each(cast, func(a *actor) { a.speak(5) })
	s.wantHeard(cast, cast)
	s.wantNever(cast, "netsplit", "gap")
}

func TestANodeWithoutTheSecretIsNotAdmitted(t *testing.T) {
	s := tell(t)
	secret := trust.NewSecret()
	ann := s.start(smoke.Options{Secret: secret, Network: "ours"})
	bob := s.start(smoke.Options{Secret: secret, Network: "ours", Seeds: []string{ann.Addr()}})
	for who, options := range map[string]smoke.Options{
		"another secret":                   {Secret: trust.NewSecret(), Network: "ours"},
		"none":                             {Key: newKey(t), Network: "ours"},
		"a wrong guess at the network too": {Key: newKey(t), Network: "theirs"},
	} {
		eve := s.start(options)
		err := eve.AddPeer(t.Context(), ann.Addr())
		if !errors.Is(err, smoke.ErrNotAdmitted) {
			t.Errorf("%s: %v", who, err)
		}
		if text := fmt.Sprint(err); strings.Contains(text, "secret") || strings.Contains(text, "ours") {
			t.Errorf("%s: eve learns too much: %v", who, err)
		}
		if eve.Peers().Len() > 0 {
			t.Errorf("%s: eve has a neighbour", who)
		}
	}
	ann.wantLogged("a connection was refused", trust.ErrWrongSecret.Error())
	// A node checks the nodes that it dials, too.
	eve := s.start(smoke.Options{Key: newKey(t), Network: "ours"})
	if err := ann.AddPeer(t.Context(), eve.Addr()); !errors.Is(err, smoke.ErrNotAdmitted) || !errors.Is(err, trust.ErrWrongSecret) {
		t.Errorf("ann dials eve: %v", err)
	}
	s.eventually("ann and bob are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
	ann.speak(3)
	s.wantHeard([]*actor{bob}, []*actor{ann})
}

func TestOnlyNodesOnTheListAreAdmitted(t *testing.T) {
	s := tell(t)
	annKey, bobKey, eveKey := newKey(t), newKey(t), newKey(t)
	ann := s.start(smoke.Options{Key: annKey, Allow: []smoke.ID{bobKey.ID()}})
	bob := s.start(smoke.Options{Key: bobKey})
	eve := s.start(smoke.Options{Key: eveKey})
	if err := eve.AddPeer(t.Context(), ann.Addr()); !errors.Is(err, smoke.ErrNotAdmitted) {
		t.Errorf("eve: %v", err)
	}
	ann.wantLogged("a connection was refused", eveKey.ID().String())
	bob.add(ann)
}

func TestAdmitDecides(t *testing.T) {
	s := tell(t)
	asked := make(chan trust.Candidate, 2)
	ann := s.start(smoke.Options{Admit: func(_ context.Context, c trust.Candidate) error {
		asked <- c
		if c.Network != "ours" {
			return errors.New("not on a Sunday")
		}
		return nil
	}, Network: "ours"})
	bob := s.start(smoke.Options{Key: newKey(t), Network: "ours"})
	bob.add(ann)
	if c := <-asked; c.ID != bob.ID() || c.Dialled || c.Addr != bob.Addr() || c.Network != "ours" {
		t.Errorf("Admit is called with %+v", c)
	}
	eve := s.start(smoke.Options{Key: newKey(t), Network: "theirs"})
	if err := eve.AddPeer(t.Context(), ann.Addr()); !errors.Is(err, smoke.ErrNotAdmitted) || strings.Contains(err.Error(), "Sunday") {
		t.Errorf("eve: %v", err)
	}
	ann.wantLogged("a connection was refused", "not on a Sunday")
}

// A node never falls back to plaintext if the other end has no encryption.
func TestPlaintextAndEncryptionDoNotMix(t *testing.T) {
	s := tell(t)
	plain := s.start(smoke.Options{})
	safe := s.start(smoke.Options{Key: newKey(t)})
	if err := safe.AddPeer(t.Context(), plain.Addr()); err == nil || safe.Peers().Len() > 0 {
		t.Errorf("the encrypted one dials: %v", err)
	}
	plain.wantLogged("a connection was refused", smoke.ErrPlaintext.Error())
	if err := plain.AddPeer(t.Context(), safe.Addr()); !errors.Is(err, smoke.ErrPlaintext) || plain.Peers().Len() > 0 {
		t.Errorf("the plain one dials: %v", err)
	}
	safe.wantLogged("a connection was refused", smoke.ErrPlaintext.Error())
}

// The log says how the links are secured. A node that other machines can reach has
// encrypted links unless InsecurePlaintext is set.
func TestAReachableNodeIsEncrypted(t *testing.T) {
	for _, test := range []struct {
		options smoke.Options
		links   string
	}{
		{smoke.Options{}, "plaintext, on this machine only"},
		{smoke.Options{Address: "localhost"}, "plaintext, on this machine only"},
		{smoke.Options{Advertise: "192.0.2.1:7946"}, "encrypted, open to strangers"},
		{smoke.Options{Listen: "0.0.0.0"}, "encrypted, open to strangers"},
		{smoke.Options{Listen: "0.0.0.0", Secret: trust.NewSecret()}, "encrypted"},
		{smoke.Options{Key: newKey(t)}, "encrypted, open to strangers"},
		{smoke.Options{Listen: "0.0.0.0", InsecurePlaintext: true}, "PLAINTEXT"},
		{smoke.Options{Transport: tcp.Transport{}, Advertise: "192.0.2.1:7946"}, "as the Transport makes them"},
		{smoke.Options{Transport: tcp.Transport{}, Key: newKey(t)}, "encrypted, open to strangers"},
	} {
		s := tell(t)
		a := s.start(test.options)
		first := a.log.AllEntries()[0]
		if got := first.Data["links"]; first.Message != "listening" || got != test.links {
			t.Errorf("%+v: %q, links %v, want %q", test.options, first.Message, got, test.links)
		}
		if a.logged("not encrypted", "") != (test.links == "PLAINTEXT") {
			t.Errorf("%+v: warned of plaintext: %v", test.options, test.links != "PLAINTEXT")
		}
	}
}

func TestInvalidSecurityOptions(t *testing.T) {
	key := newKey(t)
	for _, test := range []struct {
		options smoke.Options
		field   string
	}{
		{smoke.Options{Secret: "hunter2"}, "Secret"},
		{smoke.Options{InsecurePlaintext: true, Key: key}, "InsecurePlaintext"},
		{smoke.Options{InsecurePlaintext: true, Secret: trust.NewSecret()}, "InsecurePlaintext"},
		{smoke.Options{Key: key, ID: smoke.ID{1}}, "ID"},
		{smoke.Options{Key: key, TLS: &tls.Config{}}, "TLS"},
		{smoke.Options{TLS: &tls.Config{}}, "TLS"},
	} {
		err := test.options.Validate()
		problem, ok := errors.AsType[*smoke.OptionsError](err)
		if !ok || len(problem.Problems) != 1 || problem.Problems[0].Field != test.field || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want one problem with %s, got %v", test.field, err)
		}
	}
}

func TestTheSameKeyIsTheSameNode(t *testing.T) {
	s := tell(t)
	path := filepath.Join(t.TempDir(), "bob.key")
	ann := s.start(smoke.Options{Key: newKey(t)})
	var id smoke.ID
	for life := 1; life <= 2; life++ {
		key, err := trust.LoadOrCreateKey(path)
		if err != nil {
			t.Fatal(err)
		}
		bob := s.start(smoke.Options{Key: key, Seeds: []string{ann.Addr()}})
		if life == 2 && bob.ID() != id {
			t.Errorf("bob was %s and is %s", id, bob.ID())
		}
		id = bob.ID()
		s.eventually("they are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
		bob.spoken = 3 * (life - 1) // bob continues to count; hear fails the test if a word comes twice or out of order
		bob.speak(3)
		s.eventually("ann hears bob", func() bool { return ann.from(id).last == bob.spoken })
		if err := bob.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// secureVisit dials a node with a new key. It returns a stranger, and the guard of that
// key.
func secureVisit(t testing.TB, addr string) (*stranger, *trust.Guard) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := trust.NewGuard(newKey(t), nil, trust.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := guard.Secure(t.Context(), raw, addr)
	if err != nil {
		raw.Close()
		t.Fatal(err)
	}
	return receive(t, conn), guard
}

// If the id in a HELLO is not that of the key, the node sends a REFUSE and no HELLO. So
// the stranger learns nothing else.
func TestAStolenIDIsRefused(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{Key: newKey(t)})
	bob := s.start(smoke.Options{Key: newKey(t), Seeds: []string{ann.Addr()}})
	s.eventually("they are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
	eve, _ := secureVisit(t, ann.Addr())
	greeting := hello()
	greeting.ID = bob.ID()
	eve.say(greeting)
	heard := eve.untilHungUp()
	if len(heard) != 1 {
		t.Fatalf("eve hears %v", heard)
	}
	if refuse, ok := heard[0].(*wire.Refuse); !ok || refuse.Code != wire.RefuseStranger || refuse.Text != "" {
		t.Errorf("eve hears %v", heard[0])
	}
	ann.wantLogged("a connection was refused", trust.ErrNotItsID.Error())
	if bob.peer(ann) == nil {
		t.Error("bob has lost his link to eve")
	}
}

// A stranger that claims the id of the node itself has another key, so it does not count
// as a conflict.
func TestAStrangerWithTheIDOfTheNodeIsRefused(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{Key: newKey(t)})
	eve, guard := secureVisit(t, ann.Addr())
	greeting := hello()
	greeting.ID = guard.ID()
	eve.say(greeting)
	heard, ok := eve.next().(*wire.Hello)
	if !ok {
		t.Fatal("eve gets no HELLO")
	}
	forger, _ := secureVisit(t, ann.Addr())
	greeting.ID, greeting.Epoch, greeting.Addr = heard.ID, heard.Epoch, "192.0.2.1:80"
	forger.say(greeting)
	forger.untilHungUp()
	ann.wantLogged("a connection was refused", trust.ErrNotItsID.Error())
	if n := ann.Stats().Conflicts; n > 0 {
		t.Errorf("%d conflicts are reported", n)
	}
}

// Slowloris: connections that begin a handshake and never complete it.
func TestHandshakesThatNeverEnd(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{Key: newKey(t)})
	for i := range 300 {
		conn, err := net.Dial("tcp", ann.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if i%2 == 0 { // the header of a TLS record of 512 bytes, which never follow
			if _, err := io.WriteString(conn, "\x16\x03\x01\x02\x00\x01"); err != nil && i < 64 {
				t.Fatal(err)
			}
		}
	}
	bob := s.start(smoke.Options{Key: newKey(t), Seeds: []string{ann.Addr()}})
	s.eventually("an honest node is admitted", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
}

// A neighbour that sends too many frames other than events loses its link.
func TestANeighbourThatFloodsIsDropped(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	bob.peer(ann)
	eve := visit(t, ann.Addr())
	eve.befriend()
	s.eventually("eve is a neighbour", func() bool { return ann.Stats().Peers == 2 })
	ping, err := eve.enc.Append(nil, &hyparview.Ping{Degree: 1})
	if err != nil {
		t.Fatal(err)
	}
	flood := bytes.Repeat(ping, 1000)
	for range 100 {
		if _, err := eve.conn.Write(flood); err != nil {
			break // ann has closed the connection
		}
	}
	s.eventually("eve is dropped", func() bool { return ann.Stats().Peers == 1 })
	ann.wantLogged("a peer broke the protocol", "too many frames")
	if got := ann.Stats().Refused; got != (smoke.Refused{Floods: 1}) {
		t.Errorf("refused: %+v", got)
	}
	ann.speak(3)
	s.wantHeard([]*actor{bob}, []*actor{ann})
	if got := bob.Stats(); got.Delivered != 3 || got.Known == 0 || got.History == 0 || got.Lag != 0 || got.Gaps != 0 {
		t.Errorf("bob's Stats: %+v", got)
	}
}

// A key was copied, so two running nodes have one id. The later one takes the place of the
// earlier one at the neighbour that both have, once. Both log what is wrong.
func TestTwoNodesWithOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		key := newKey(t)
		start := func(n int, key *trust.Key) *actor {
			ip := fmt.Sprintf("10.0.0.%d", n)
			return s.start(smoke.Options{
				Address: ip, Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Key: key, Transport: network.Host(ip),
			})
		}
		ann := start(1, newKey(t))
		bob := start(2, key)
		bob.peer(ann)
		time.Sleep(time.Second)
		twin := start(3, key)
		twin.peer(ann)
		time.Sleep(10 * time.Minute)
		if n := bob.times("add"); n > 2 {
			t.Errorf("bob was a neighbour %d times", n)
		}
		if n := twin.times("add"); n > 2 || twin.Peers().Len() != 1 {
			t.Errorf("his twin was a neighbour %d times, and has %d now", n, twin.Peers().Len())
		}
		bob.wantLogged("another node with this node's id", bob.ID().String())
		twin.wantLogged("another node with this node's id", bob.ID().String())
		twin.speak(3)
		s.eventually("ann hears the twin", func() bool { return ann.from(twin.ID()).count == 3 })
	})
}

// A node with a state file finds its old neighbours, even if it is started without seeds.
func TestANodeFindsItsNeighboursByTheStateFile(t *testing.T) {
	s := tell(t)
	path := filepath.Join(t.TempDir(), "state")
	ann := s.start(smoke.Options{})
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}, StateFile: path})
	bob.peer(ann)
	if err := bob.Stop(); err != nil {
		t.Fatal(err)
	}
	again := s.start(smoke.Options{StateFile: path})
	again.peer(ann)
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := s.start(smoke.Options{StateFile: path, Seeds: []string{ann.Addr()}})
	lost.wantLogged("the state of the last life can't be read", path)
	lost.peer(ann)
}
