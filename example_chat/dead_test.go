package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

// party is chats on a network in memory, in virtual time.
type party struct {
	chats []*chat
	books []*book
}

// inRoom runs a story with n chats that know each other: p0, p1, …
func inRoom(t *testing.T, n int, story func(t *testing.T, r *party, net *smoketest.Network)) {
	t.Helper()
	r := &party{}
	o := smoketest.Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		b := newBook(t)
		r.books = append(r.books, b)
		r.chats = append(r.chats, newChatOf(node, nil, fmt.Sprint("p", i), b))
	}}
	smoketest.RunWith(t, n, o, func(t *testing.T, net *smoketest.Network) {
		defer func() {
			for _, c := range r.chats {
				c.people.Close()
			}
		}()
		time.Sleep(3 * time.Second) // each chat has answered all others
		for i, b := range r.books {
			for j := range r.books {
				if j != i {
					b.await(fmt.Sprint("\tp", j))
				}
			}
		}
		story(t, r, net)
	})
}

// times counts the lines of a kind about a person.
func (b *book) times(kind, name string) (n int) {
	for _, text := range b.shown() {
		if strings.HasPrefix(text, kind+"\t") && strings.Contains(text+"\t", "\t"+name+"\t") {
			n++
		}
	}
	return n
}

// There are ten chats, so not all are neighbours. If one crashes, all others report it
// exactly once, within twenty seconds, and /nodes does not list it. A silent link ends
// after five seconds. While an answer is partial, a chat asks up to six times, for 3.5 s
// each.
func TestTheDeadAreNoticedByAll(t *testing.T) {
	inRoom(t, 10, func(t *testing.T, r *party, net *smoketest.Network) {
		net.Crash(4)
		time.Sleep(20 * time.Second)
		for i, b := range r.books {
			want := 1
			if i == 4 {
				continue
			}
			if got := b.times("leave", "p4"); got != want {
				t.Errorf("p%d has seen p4 go %d times", i, got)
			}
			for j := range r.books {
				if j != 4 && b.times("leave", fmt.Sprint("p", j)) > 0 {
					t.Errorf("p%d has seen p%d go, who lives", i, j)
				}
			}
			r.chats[i].listNodes(t.Context())
			for j := range r.books {
				if got, is := b.times("node", fmt.Sprint("p", j)), j != 4 && j != i; got > 1 || (got == 1) != is {
					t.Errorf("p%d lists p%d %d times", i, j, got)
				}
			}
			b.await("count\t9")
		}
	})
}

// /nodes lists only people whose nodes answer.
func TestNodesListsNoDeadPeople(t *testing.T) {
	inRoom(t, 4, func(t *testing.T, r *party, net *smoketest.Network) {
		net.Isolate(3)
		time.Sleep(20 * time.Second)
		r.chats[0].listNodes(t.Context())
		if b := r.books[0]; b.times("node", "p3") > 0 || b.times("node", "p2") != 1 || b.times("leave", "p3") != 1 {
			t.Errorf("shown: %q", b.shown())
		}
		r.books[0].await("count\t3")
	})
}

// The people on the other side of a partition are gone while it lasts, and come back after
// it.
func TestTheOtherSideOfACutComesBack(t *testing.T) {
	inRoom(t, 6, func(t *testing.T, r *party, net *smoketest.Network) {
		net.Partition([]int{0, 1, 2}, []int{3, 4, 5})
		time.Sleep(30 * time.Second)
		if got := r.books[0].times("leave", "p5"); got != 1 {
			t.Errorf("p0 has seen p5 go %d times", got)
		}
		net.Heal()
		net.Settle()
		time.Sleep(20 * time.Second)
		for i, c := range r.chats {
			if n := c.people.Len(); n != 5 {
				t.Errorf("p%d knows %d people after the cut", i, n)
			}
		}
	})
}

// After a rotation of links, a heal or a goodbye, no living person is reported as gone.
func TestTheLivingAreNotTakenForDead(t *testing.T) {
	inRoom(t, 12, func(t *testing.T, r *party, net *smoketest.Network) {
		time.Sleep(10 * time.Minute)
		for i, b := range r.books {
			for j := range r.books {
				if n := b.times("leave", fmt.Sprint("p", j)); n > 0 {
					t.Errorf("p%d has seen p%d go %d times", i, j, n)
				}
			}
		}
	})
}

// If no node is linked, the chat answers a typed line with a note.
func TestTypingAloneIsAnswered(t *testing.T) {
	ann, annSees := join(t, "ann")
	ann.take(t.Context(), "is anybody there?")
	annSees.await("note\talone", "no one hears that now", "others can join with -seed "+ann.node.Addr())
	if err := ann.leave(); err != nil {
		t.Error(err)
	}
}

// The first line has the address of the page of the chat's network, and the page is there.
func TestTheFirstLineNamesThePage(t *testing.T) {
	b := newBook(t)
	c, err := openAt(settings{name: "ann", http: "127.0.0.1:0", node: smoke.Options{Address: "127.0.0.1", Network: t.Name()}}, b)
	if err != nil {
		t.Fatal(err)
	}
	first := b.shown()[0]
	if url := strings.Split(first, "\t")[4]; url != c.page.url {
		t.Errorf("the first line is %q, the page is %s", first, c.page.url)
	}
	wantPage(t, c.page.url, c.node.Addr())
	if err := c.leave(); err != nil {
		t.Error(err)
	}
	if c, err := openAt(settings{name: "ann", http: "192.0.2.1:1", node: smoke.Options{Network: t.Name()}}, b); err == nil || !strings.Contains(err.Error(), "-http") {
		t.Errorf("a page elsewhere: %v, %v", c, err)
	}
}
