package smoke_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Headers reach each node that the event reaches: over a relay whose handlers do not read
// them, with and without a signature, in a broadcast and to a single neighbour.
func TestHeadersArriveWithTheirEvent(t *testing.T) {
	s := tell(t)
	list := []string{"vote"}
	ann := s.start(smoke.Options{Key: newKey(t), Signed: list, MaxPeers: 1, MinPeers: 1})
	bob := s.start(smoke.Options{Key: newKey(t), Signed: list, Seeds: []string{ann.Addr()}})
	cat := s.create(smoke.Options{Key: newKey(t), Signed: list, Seeds: []string{bob.Addr()}, MaxPeers: 1, MinPeers: 1})
	heard := make(chan string, 10)
	note := func(e smoke.Event, text string) {
		heard <- fmt.Sprint(e.Name, " ", e.Signed, " ", e.Header("lang"), " ", len(e.Headers()), " ", text)
	}
	for _, name := range []string{"vote", "chat"} {
		cat.Broadcast().On(name, note)
	}
	cat.Peers().OnAdd(func(p *smoke.Peer) { p.On("psst", note) })
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	s.wantOverlay([]*actor{ann, bob, cat}, 1)

	plain := t.Context()
	ctx := smoke.ContextWithHeader(smoke.ContextWithHeader(plain, "lang", "de"), "trace", strings.Repeat("x", 900))
	for _, emit := range []error{
		ann.Broadcast().EmitContext(ctx, "vote", "ja"),
		ann.Broadcast().EmitContext(plain, "vote", "nein"),
		ann.Broadcast().EmitContext(ctx, "chat", "hm"),
	} {
		if emit != nil {
			t.Fatal(emit)
		}
	}
	for _, want := range []string{"vote true de 2 ja", "vote true  0 nein", "chat false de 2 hm"} {
		if got := wait(t, want, heard); got != want {
			t.Errorf("cat heard %q, want %q", got, want)
		}
	}
	if err := bob.peer(cat).EmitContext(ctx, "psst", "hey"); err != nil {
		t.Fatal(err)
	}
	if got, want := wait(t, "bob's whisper", heard), "psst false de 2 hey"; got != want {
		t.Errorf("cat heard %q, want %q", got, want)
	}
	s.wantNever([]*actor{ann, bob, cat}, "gap", "remove")
}

// The signature of an event covers its headers.
func TestARelayCannotChangeTheHeadersOfASignedEvent(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{Key: newKey(t), Signed: all}), s.start(smoke.Options{Key: newKey(t), Signed: all})
	headers := make(chan map[string]string, 1)
	bob.Broadcast().On("vote", func(e smoke.Event) { headers <- e.Headers() })
	eve := newKey(t)
	ear, _ := enter(t, ann.Addr(), eve)
	if err := ann.Broadcast().EmitContext(smoke.ContextWithHeader(t.Context(), "lang", "de"), "vote", "ja"); err != nil {
		t.Fatal(err)
	}
	genuine := ear.overhear()

	for what, change := range map[string]func(body []byte) []byte{
		"another value": func(b []byte) []byte { return bytes.Replace(b, []byte("lang\x02de"), []byte("lang\x02en"), 1) },
		"none": func(b []byte) []byte {
			at := bytes.Index(b, []byte("\xc1\x08\x04lang\x02de")) // the two bytes at the start can also occur in a signature
			return append(b[:at:at], b[at+10:]...)
		},
	} {
		body, _, _ := batch.Next(genuine.Body)
		lie := *genuine
		lie.Body = batch.Append(nil, change(bytes.Clone(body)))
		if bytes.Equal(lie.Body, genuine.Body) {
			t.Fatalf("%s: nothing was changed in %q", what, body)
		}
		mouth, _ := enter(t, bob.Addr(), newKey(t))
		mouth.say(&lie)
		mouth.untilRead()
	}
	if got := bob.Stats().Refused.Forgeries; got != 2 {
		t.Errorf("bob refused %d forgeries", got)
	}
	honest, _ := enter(t, bob.Addr(), newKey(t))
	honest.say(genuine)
	if got := wait(t, "ann's vote", headers); !maps.Equal(got, map[string]string{"lang": "de"}) {
		t.Errorf("bob got %v", got)
	}
}
