// These tests are the acceptance scenarios of the library, written as stories about real
// nodes, most of them on loopback TCP. A code in a comment names the scenario: SM comes
// from the original Smokesignal ("the original"), M from masterless, G from
// secure-gossip. If one of these is known to fail its scenario, the comment says how.
//
// The nodes are the cast of a story. They speak: they emit numbered words, and each node
// checks the words that it hears.
package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// soon is the time after which a test fails. No result depends on it: what a test waits
// for happens within milliseconds, or within the seconds that its comment names.
const soon = 30 * time.Second

// story is a test with its nodes. It stops them at its end.
type story struct {
	*testing.T
	cables *cables // nil if the test kills no nodes and cuts no links

	mu   sync.Mutex // guards cast
	cast []*actor
}

// tell begins a story.
func tell(t *testing.T) *story {
	s := &story{T: t}
	t.Cleanup(s.end)
	return s
}

// tellWithCables begins a story that can kill nodes and cut links.
func tellWithCables(t *testing.T) *story {
	s := tell(t)
	s.cables = newCables()
	return s
}

// actor is a node that records what it receives.
type actor struct {
	*smoke.Node
	story  *story
	log    *logtest.Hook
	plug   *plug // nil if the story has no cables
	spoken int   // words emitted so far; only the goroutine that calls speak uses it

	mu    sync.Mutex // guards all below
	heard map[smoke.ID]*speech
	words int            // number of words heard, from all speakers
	saw   map[string]int // number of calls of each hook: "connect", "remove", "gap", …
	most  int            // the most neighbours at one time
}

// speech has the words heard from one speaker, which counts its words from 1.
type speech struct{ first, last, count int }

// storyNetwork is the network of nodes without Options.Network. It differs between
// processes, because a node of another process on this machine may dial an address that
// now belongs to a node of this test.
var storyNetwork = fmt.Sprint("a story ", os.Getpid())

// create creates a node and does not start it.
func (s *story) create(o smoke.Options) *actor {
	a := &actor{story: s, heard: make(map[smoke.ID]*speech), saw: make(map[string]int)}
	if o.Logger == nil {
		logger, hook := logtest.NewNullLogger()
		logger.SetLevel(logrus.InfoLevel)
		o.Logger, a.log = logger, hook
	}
	if s.cables != nil {
		a.plug = s.cables.plug()
		o.Transport = a.plug
		if o.Network == "" {
			// After a node is killed, its address may belong to a node of another test,
			// or of another process that runs this test.
			o.Network = fmt.Sprintf("%.40s %d", s.Name(), os.Getpid())
		}
	}
	if o.Network == "" {
		o.Network = storyNetwork
	}
	a.Node = smoke.CreateNode(o)
	a.OnConnect(func() { a.note("connect") })
	a.OnDisconnect(func() { a.note("disconnect") })
	a.OnNetsplit(func(smoke.Netsplit) { a.note("netsplit") })
	a.OnHeal(func(smoke.Heal) { a.note("heal") })
	a.OnGap(func(smoke.Gap) { a.note("gap") })
	a.OnSeedLost(func(smoke.SeedLost) { a.note("seed lost") })
	a.OnSeedBack(func(smoke.SeedBack) { a.note("seed back") })
	a.Peers().OnAdd(func(*smoke.Peer) { a.note("add") })
	a.Peers().OnRemove(func(*smoke.Peer) { a.note("remove") })
	smoke.On(a.Broadcast(), "word", func(e smoke.Event, n int) { a.hear(e.Origin, n) })
	s.mu.Lock()
	s.cast = append(s.cast, a)
	s.mu.Unlock()
	return a
}

// start creates a node and starts it.
func (s *story) start(o smoke.Options) *actor {
	s.Helper()
	a := s.create(o)
	if err := a.Start(); err != nil {
		s.Fatalf("start: %v", err)
	}
	return a
}

// startAtOnce creates n nodes and starts them at the same moment.
func (s *story) startAtOnce(n int, o smoke.Options) []*actor {
	s.Helper()
	var cast []*actor
	for range n {
		cast = append(cast, s.create(o))
	}
	each(cast, func(a *actor) {
		if err := a.Start(); err != nil {
			s.Errorf("start: %v", err)
		}
	})
	return cast
}

// end stops all nodes at once. Afterwards, each node has received all that it will
// receive.
func (s *story) end() {
	each(s.cast, func(a *actor) {
		// All nodes stop at once, so the last events of a node may find no neighbour.
		if err := a.Stop(); err != nil && !errors.Is(err, smoke.ErrAlone) {
			s.Errorf("stop: %v", err)
		}
	})
	if s.Failed() {
		for i, a := range s.cast {
			s.tellLog(i, a)
		}
	}
}

// tellLog prints the log of a node, if the test has failed.
func (s *story) tellLog(number int, a *actor) {
	if a.log == nil {
		return
	}
	for i, entry := range a.log.AllEntries() {
		if i == 20 {
			s.Logf("node %d: …", number)
			return
		}
		if line, err := entry.String(); err == nil {
			s.Logf("node %d: %s", number, strings.TrimSpace(line))
		}
	}
}

// each calls do for all nodes at the same time, and waits.
func each(cast []*actor, do func(*actor)) {
	var wg sync.WaitGroup
	for _, a := range cast {
		wg.Go(func() { do(a) })
	}
	wg.Wait()
}

// eventually waits until the condition holds.
func (s *story) eventually(what string, holds func() bool) {
	s.Helper()
	eventually(s.T, soon, what, holds)
}

func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// wait returns the next value of a channel.
func wait[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	limit := time.NewTimer(soon)
	defer limit.Stop()
	select {
	case v = <-from:
	case <-limit.C:
		t.Fatalf("not within %v: %s", soon, what)
	}
	return v
}

func (a *actor) note(occasion string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.saw[occasion]++
	a.most = max(a.most, a.Peers().Len())
}

// peak returns the highest number of neighbours that the node had at one time.
func (a *actor) peak() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

// times returns how often a hook was called.
func (a *actor) times(occasion string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saw[occasion]
}

// hear records a word. It must be the next word of its speaker. The first word that the
// node hears from a speaker can be any.
func (a *actor) hear(from smoke.ID, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if from == a.ID() {
		a.story.Errorf("%s heard its own word %d", a.ID().Short(), n)
	}
	s := a.heard[from]
	if s == nil {
		s = &speech{first: n, last: n - 1}
		a.heard[from] = s
	}
	if n != s.last+1 {
		a.story.Errorf("%s heard word %d of %s after word %d", a.ID().Short(), n, from.Short(), s.last)
	}
	s.last = n
	s.count++
	a.words++
}

// from returns what the node has heard from a speaker.
func (a *actor) from(speaker smoke.ID) speech {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.heard[speaker]; s != nil {
		return *s
	}
	return speech{}
}

// speak emits words. Only one goroutine at a time may call it.
func (a *actor) speak(words int) {
	a.story.Helper()
	for range words {
		a.spoken++
		if err := a.Broadcast().Emit("word", a.spoken); err != nil {
			a.story.Errorf("emit word %d: %v", a.spoken, err)
			return
		}
	}
}

// wantHeard waits until each listener has heard all words of each speaker, from the
// first. hear checks that no word comes twice or out of order, also later in the test.
func (s *story) wantHeard(listeners, speakers []*actor) {
	s.Helper()
	s.eventuallyAll(listeners, func(l *actor) error {
		for _, speaker := range speakers {
			if got := l.from(speaker.ID()); l != speaker && got.count < speaker.spoken {
				return fmt.Errorf("heard %d of %d words of %s", got.count, speaker.spoken, speaker.ID().Short())
			}
		}
		return nil
	})
	for _, l := range listeners {
		for _, speaker := range speakers {
			if got := l.from(speaker.ID()); l != speaker && speaker.spoken > 0 && (got.first != 1 || got.last != speaker.spoken) {
				s.Errorf("%s heard words %d to %d of %s, of %d", l.ID().Short(), got.first, got.last, speaker.ID().Short(), speaker.spoken)
			}
		}
	}
}

// eventuallyAll waits until the function content returns nil for all nodes. If that takes
// too long, the test fails with the error of one node.
func (s *story) eventuallyAll(cast []*actor, content func(*actor) error) {
	s.Helper()
	left := slices.Clone(cast)
	limit := time.NewTimer(soon)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		left = slices.DeleteFunc(left, func(a *actor) bool { return content(a) == nil })
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			s.Fatalf("not within %v: %d of %d nodes; %s: %v", soon, len(left), len(cast), left[0].ID().Short(), content(left[0]))
		}
	}
}

// wantNever checks that no hook of these kinds has been called so far.
func (s *story) wantNever(cast []*actor, occasions ...string) {
	s.Helper()
	for _, occasion := range occasions {
		for _, a := range cast {
			if n := a.times(occasion); n > 0 {
				s.Errorf("%s saw %q %d times", a.ID().Short(), occasion, n)
			}
		}
	}
}

// wantOverlay waits until each node has at least atLeast neighbours, each link is known
// at both ends, and the nodes form one connected graph.
func (s *story) wantOverlay(cast []*actor, atLeast int) {
	s.Helper()
	s.eventuallyAll(cast, func(a *actor) error {
		if n := a.Peers().Len(); n < atLeast {
			return fmt.Errorf("has %d neighbours", n)
		}
		return nil
	})
	var why string
	s.eventually("each link is known at both ends, and the overlay is connected", func() bool {
		why = overlayFault(cast, atLeast)
		return why == ""
	})
}

// overlayFault returns what wantOverlay is waiting for, or "".
func overlayFault(cast []*actor, atLeast int) string {
	neighbors := make(map[smoke.ID][]smoke.ID)
	for _, a := range cast {
		for p := range a.Peers().All() {
			neighbors[a.ID()] = append(neighbors[a.ID()], p.ID())
		}
		if n := len(neighbors[a.ID()]); n < atLeast {
			return fmt.Sprintf("%s has %d neighbours", a.ID().Short(), n)
		}
	}
	seen := map[smoke.ID]bool{cast[0].ID(): true}
	for queue := []smoke.ID{cast[0].ID()}; len(queue) > 0; queue = queue[1:] {
		for _, id := range neighbors[queue[0]] {
			if !slices.Contains(neighbors[id], queue[0]) {
				return fmt.Sprintf("%s has a link to %s, which has none back", queue[0].Short(), id.Short())
			}
			if !seen[id] {
				seen[id] = true
				queue = append(queue, id)
			}
		}
	}
	if len(seen) < len(cast) {
		return fmt.Sprintf("only %[2]d of %[3]d nodes can be reached from %[1]s", cast[0].ID().Short(), len(seen), len(cast))
	}
	return ""
}

// peer waits until the two are neighbours, and returns the Peer for other.
func (a *actor) peer(other *actor) *smoke.Peer {
	a.story.Helper()
	var p *smoke.Peer
	a.story.eventually("the two are neighbours", func() (ok bool) {
		p, ok = a.Peers().Get(other.ID())
		return ok
	})
	return p
}

// add makes the two nodes neighbours.
func (a *actor) add(other *actor) {
	a.story.Helper()
	if err := a.AddPeer(a.story.Context(), other.Addr()); err != nil {
		a.story.Fatalf("add: %v", err)
	}
	other.peer(a)
}

// wantLogged waits until the node has logged a warning or an error with this message. The
// line must contain the text.
func (a *actor) wantLogged(message, text string) {
	a.story.Helper()
	a.story.eventually(fmt.Sprintf("the log says %q, %q", message, text), func() bool { return a.logged(message, text) })
}

func (a *actor) logged(message, text string) bool {
	return slices.ContainsFunc(a.log.AllEntries(), func(entry *logrus.Entry) bool {
		line, err := entry.String()
		return err == nil && entry.Level <= logrus.WarnLevel &&
			strings.Contains(entry.Message, message) && strings.Contains(line, text)
	})
}

// phonebook is a resolver whose entries a test writes. All methods may be called from any
// goroutine.
type phonebook struct {
	mu    sync.Mutex // guards all below
	addrs map[string][]string
	asked int
}

func (b *phonebook) write(seed string, addrs ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.addrs == nil {
		b.addrs = make(map[string][]string)
	}
	b.addrs[seed] = addrs
}

// Lookup implements discovery.Resolver.
func (b *phonebook) Lookup(ctx context.Context, seed string) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if addrs, ok := b.addrs[seed]; ok {
		return addrs, nil
	}
	if addrs, err := (discovery.Static{}).Lookup(ctx, seed); err == nil {
		return addrs, nil
	}
	return nil, &discovery.LookupError{Seed: seed, Err: errNotListed}
}

var errNotListed = errors.New("it is not in the phonebook")
