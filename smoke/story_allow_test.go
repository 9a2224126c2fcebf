package smoke_test

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/signed"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// A node on the list forwards an event that was signed with the key of a node that is not
// on the list. With Allow, only nodes on the list may be the origin of a signed event.
func TestAnEventOfAKeyThatIsNotAllowedIsRefused(t *testing.T) {
	s := tell(t)
	member, outsider := newKey(t), newKey(t)
	ann := s.start(smoke.Options{Key: newKey(t), Allow: []smoke.ID{member.ID()}, Signed: []string{smoke.AllEvents}})
	who, accepted := enter(t, ann.Addr(), member)
	if !accepted {
		t.Fatal("the member is not let in")
	}
	heard := make(chan smoke.ID, 10)
	ann.Broadcast().OnAny(func(e smoke.Event) { heard <- e.Origin })
	network := signed.New(storyNetwork)
	say := func(key *trust.Key) {
		o := ident.Origin{ID: key.ID(), Epoch: 1}
		body := append(signed.AppendBlank(nil, key.Public()), "\x04news\x90"...)
		network.Sign(key.Sign, o, 1, body)
		who.say(&plumtree.Gossip{Origin: o, Seq: 1, Count: 1, Round: 1, Body: batch.Append(nil, body)})
	}
	say(outsider)
	say(member)
	if from := wait(t, "an event", heard); from != member.ID() {
		t.Errorf("heard an event of %s, which is not allowed", from.Short())
	}
}

// Without a list of names, a run of an outsider may have signed and unsigned events. The id of the
// unsigned ones is a claim that any member can make; only they are delivered, with their numbers.
func TestOfAnOutsidersRunOnlyUnsignedEventsAreDelivered(t *testing.T) {
	s := tell(t)
	member, outsider := newKey(t), newKey(t)
	ann := s.start(smoke.Options{Key: newKey(t), Allow: []smoke.ID{member.ID()}})
	who, accepted := enter(t, ann.Addr(), member)
	if !accepted {
		t.Fatal("the member is not let in")
	}
	heard := make(chan uint64, 10)
	ann.Broadcast().OnAny(func(e smoke.Event) { heard <- e.Seq })
	network := signed.New(storyNetwork)
	o := ident.Origin{ID: outsider.ID(), Epoch: 1}
	var run []byte
	for seq := range uint64(4) {
		body := []byte("\x04news\x90")
		if seq%2 == 0 {
			body = append(signed.AppendBlank(nil, outsider.Public()), body...)
			network.Sign(outsider.Sign, o, seq+1, body)
		}
		run = batch.Append(run, body)
	}
	who.say(&plumtree.Gossip{Origin: o, Seq: 1, Count: 4, Round: 1, Body: run})
	for _, want := range []uint64{2, 4} {
		if got := wait(t, "an event", heard); got != want {
			t.Errorf("heard event %d, want %d", got, want)
		}
	}
	ann.wantLogged("signed events of a node that is not in Options.Allow are dropped", "origin=")
}
