package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
	"go.uber.org/goleak"
)

// If this variable is set, the test binary is the chat.
const beTheChat = "EXAMPLE_CHAT_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beTheChat) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// book is a view that records the lines.
type book struct {
	t *testing.T

	mu    sync.Mutex // guards what follows
	lines []string
	more  chan struct{} // closed and replaced with each line
}

func newBook(t *testing.T) *book { return &book{t: t, more: make(chan struct{})} }

func (b *book) show(l line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, l.String())
	close(b.more)
	b.more = make(chan struct{})
}

func (b *book) setName(string) {}

// find returns the index of the first line from start on that contains all words.
func (b *book) find(start int, words ...string) (at int, more chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at = slices.IndexFunc(b.lines[start:], func(text string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	})
	if at >= 0 {
		at += start
	}
	return at, b.more
}

// await waits for a line that contains all words, and returns it.
func (b *book) await(words ...string) string {
	b.t.Helper()
	giveUp := time.After(time.Minute) // so that a failure prints the lines
	for {
		at, more := b.find(0, words...)
		if at >= 0 {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.lines[at]
		}
		select {
		case <-more:
		case <-giveUp:
			b.t.Fatalf("never shown: %q; shown: %q", words, b.shown())
		}
	}
}

func (b *book) shown() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// want compares all lines since the last call.
func (b *book) want(lines ...string) {
	b.t.Helper()
	if got := b.shown(); !slices.Equal(got, lines) {
		b.t.Errorf("shown %q\nwant  %q", got, lines)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}

// newTestChat makes a chat that is never started; the test calls its handlers.
func newTestChat(t *testing.T) (*chat, *book) {
	b := newBook(t)
	return newChat(smoke.Options{Network: "test"}, "me", b), b
}

func id(n uint32) (id smoke.ID) {
	binary.BigEndian.PutUint32(id[:], n)
	return id
}

func from(n uint32) smoke.Event { return smoke.Event{Origin: id(n)} }

func TestComingSpeakingRenamingLeaving(t *testing.T) {
	c, b := newTestChat(t)
	c.onJoin(from(0x2222_0000), room.Presence{Name: "ann"})
	c.onSay(from(0x2222_0000), room.Utterance{Name: "ann", Text: "hello"})
	b.want("join\t22220000\tann", "say\t22220000\tann\thello")

	c.onSay(from(0x3333_0000), room.Utterance{Name: "bob", Text: "hi"}) // bob was in the chat before this node
	b.want("here\t33330000\tbob", "say\t33330000\tbob\thi")

	c.onPresence(from(0x3333_0000), room.Presence{Name: "rob"})
	c.onPresence(from(0x3333_0000), room.Presence{Name: "rob"})
	b.want("name\t33330000\trob\tbob")

	c.onLeave(from(0x3333_0000), room.Presence{Name: "rob"})
	c.onLeave(from(0x3333_0000), room.Presence{Name: "rob"})
	b.want("leave\t33330000\trob")
	c.people.Close()
}

func TestComingAgainIsNotAnnouncedTwice(t *testing.T) {
	c, b := newTestChat(t)
	c.onJoin(from(0x2222_0000), room.Presence{Name: "ann"})
	c.onJoin(from(0x2222_0000), room.Presence{Name: "ann"})
	b.want("join\t22220000\tann")
	c.people.Close()
}

func TestReceivedTextsAreMadeHarmless(t *testing.T) {
	c, b := newTestChat(t)
	c.onSay(from(0x2222_0000), room.Utterance{Name: "\x1b[31mann", Text: "\x1b]0;owned\x07\r\nsay\tme\tx"})
	for _, text := range b.shown() {
		if strings.ContainsAny(text, "\x1b\x07\r\n") {
			t.Errorf("shown raw: %q", text)
		}
	}
	b.want("here\t22220000\t31mann", "say\t22220000\t31mann\t␛]0;owned␇  say me x")
}

func TestNotes(t *testing.T) {
	c, b := newTestChat(t)
	c.onSay(from(0x2222_0000), room.Utterance{Name: "ann", Text: "hi"})
	b.want("here\t22220000\tann", "say\t22220000\tann\thi")
	c.onSeedLost(smoke.SeedLost{Addr: "10.0.0.1:1"})
	c.onSeedLost(smoke.SeedLost{Addr: "10.0.0.1:1", Err: &smoke.DialError{Addr: "10.0.0.1:1", Err: smoke.ErrNotSmokesignal}})
	c.onSeedBack(smoke.SeedBack{Addr: "10.0.0.1:1"})
	c.onNetsplit(smoke.Netsplit{})
	c.onHeal(smoke.Heal{})
	c.onGap(smoke.Gap{Origin: id(0x2222_0000), From: 3, To: 5, Events: 2})
	c.onGap(smoke.Gap{Slow: true, Events: 9})
	b.want("note\tseed-lost\tseed 10.0.0.1:1 does not answer: it stopped, or the network is cut; still trying",
		"note\tseed-lost\tseed 10.0.0.1:1 does not answer: what listens there is no smokesignal node; still trying",
		"note\tseed-back\tseed 10.0.0.1:1 answers again",
		"note\tsplit\tthe network was split: another part of it was found, joining it",
		"note\thealed\tthe split is healed: everybody hears everybody again",
		"note\tgap\tmessages of ann missed: 2; no node has them any more",
		"note\tgap\tmessages of others missed: 9; this program was too slow for them")
}

func TestOverlongTextIsNotSent(t *testing.T) {
	c, b := newTestChat(t)
	c.take(t.Context(), strings.Repeat("x", maxText+1))
	if got := b.shown(); len(got) != 1 || !strings.HasPrefix(got[0], "note\terror\ttoo long") {
		t.Errorf("shown %q", got)
	}
}

func TestUnknownCommands(t *testing.T) {
	c, b := newTestChat(t)
	c.take(t.Context(), "/dance")
	c.take(t.Context(), "/name #1")
	c.take(t.Context(), "   ")
	b.want("note\terror\tthere is no command /dance; /help shows those there are",
		"note\terror\ta name has letters, digits and -_. only; how about 1?")
}

func TestHelpNamesEachCommand(t *testing.T) {
	c, b := newTestChat(t)
	c.take(t.Context(), "/help")
	all := strings.Join(b.shown(), "\n")
	for _, command := range []string{"/peers", "/nodes", "/name", "/quit", "//"} {
		if !strings.Contains(all, command) {
			t.Errorf("/help does not name %s", command)
		}
	}
}

// lines returns an input with these lines.
func lines(text ...string) reader {
	return func() (string, error) {
		if len(text) == 0 {
			return "", io.EOF
		}
		next := text[0]
		text = text[1:]
		return next, nil
	}
}

// join starts a chat on a free loopback port.
func join(t *testing.T, name string, seeds ...string) (*chat, *book) {
	t.Helper()
	b := newBook(t)
	c, err := open(smoke.Options{Address: "127.0.0.1", Network: t.Name(), Seeds: seeds}, name, b)
	if err != nil {
		t.Fatal(err)
	}
	return c, b
}

func TestTwoPeopleTalk(t *testing.T) {
	ann, annSees := join(t, "ann")
	bob, bobSees := join(t, "bob", ann.node.Addr())
	annSees.await("note\tconnected")
	bobSees.await("note\tconnected")
	annSees.await("join", "bob")
	bobSees.await("ann") // by her join, or by her answer to his

	ann.take(t.Context(), "hello")
	bobSees.await("say", "ann", "hello")
	bob.take(t.Context(), "//peers is a command")
	annSees.await("say", "bob", "/peers is a command")

	bob.take(t.Context(), "/peers")
	bobSees.await("peer", "ann", ann.node.Addr())
	bob.take(t.Context(), "/nodes")
	bobSees.await("node", "ann")
	bobSees.await("count\t2")
	bob.take(t.Context(), "/name rob")
	annSees.await("name", "rob", "bob")

	if !bob.take(t.Context(), "/quit") {
		t.Error("/quit does not quit")
	}
	if err := bob.leave(); err != nil {
		t.Error(err)
	}
	annSees.await("leave", "rob")
	annSees.await("note\talone", "alone again")
	if err := ann.leave(); err != nil {
		t.Error(err)
	}
}

func TestAScriptSendsItsLinesAndLeaves(t *testing.T) {
	ann, annSees := join(t, "ann")
	ci, _ := join(t, "ci", ann.node.Addr())
	if err := ci.runScript(t.Context(), lines("one\n", "two\n"), time.Minute, false); err != nil {
		t.Error(err)
	}
	annSees.await("say", "ci", "one")
	annSees.await("say", "ci", "two")
	annSees.await("leave", "ci")
	if err := ann.leave(); err != nil {
		t.Error(err)
	}
}

func TestAScriptWithoutNeighboursFails(t *testing.T) {
	ci, _ := join(t, "ci")
	if err := ci.runScript(t.Context(), lines("one\n"), time.Millisecond, false); !errors.Is(err, errNobody) {
		t.Errorf("the script ended with %v", err)
	}
}
