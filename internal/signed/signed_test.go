package signed

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

// author is an origin with its key.
type author struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	origin  ident.Origin
}

func newAuthor(n byte) author {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	public := private.Public().(ed25519.PublicKey)
	return author{private, public, ident.Origin{ID: ident.FromKey(public), Epoch: 7}}
}

// sign returns a signed event of the network "chat".
func (a author) sign(seq uint64, event string) []byte { return a.signFor("chat", a.origin, seq, event) }

func (a author) signFor(network string, o ident.Origin, seq uint64, event string) []byte {
	body := append(AppendBlank(nil, a.public), event...)
	New(network).Sign(func(m []byte) []byte { return ed25519.Sign(a.private, m) }, o, seq, body)
	return body
}

const event = "\x04word\xa2hi"

func TestWhatWasSignedIsVerified(t *testing.T) {
	ann := newAuthor(1)
	body := ann.sign(3, event)
	if !New("chat").Verify(ann.origin, 3, body) {
		t.Error("a good signature is refused")
	}
	if len(body) != Size+len(event) || !Is(body) || string(Strip(body)) != event {
		t.Errorf("%d bytes, stripped %q", len(body), Strip(body))
	}
	large := ann.sign(4, "\x01x"+strings.Repeat("p", 1<<20))
	chat := New("chat")
	if !chat.Verify(ann.origin, 4, large) || !chat.Verify(ann.origin, 3, body) {
		t.Error("a large event, or one after it, is refused")
	}
	if cap(chat.message) > keptMessage {
		t.Errorf("%d bytes are kept for the next one", cap(chat.message))
	}
}

// A signature is valid for one event of one origin only.
func TestASignatureIsGoodForOneEvent(t *testing.T) {
	ann, eve := newAuthor(1), newAuthor(2)
	body := ann.sign(3, event)
	next := ident.Origin{ID: ann.origin.ID, Epoch: 8}
	other := ident.Origin{ID: ident.ID{1, 2, 3}, Epoch: 7}
	for name, c := range map[string]struct {
		network string
		origin  ident.Origin
		seq     uint64
		body    []byte
	}{
		"another number":             {"chat", ann.origin, 4, body},
		"another life":               {"chat", next, 3, body},
		"another origin":             {"chat", other, 3, body},
		"another network":            {"game", ann.origin, 3, body},
		"no network":                 {"", ann.origin, 3, body},
		"signed by somebody else":    {"chat", ann.origin, 3, eve.signFor("chat", ann.origin, 3, event)},
		"for the id that is signed":  {"chat", other, 3, eve.signFor("chat", other, 3, event)},
		"not signed":                 {"chat", ann.origin, 3, []byte(event)},
		"never completed":            {"chat", ann.origin, 3, append(AppendBlank(nil, ann.public), event...)},
		"without an event":           {"chat", ann.origin, 3, body[:Size]},
		"with a name of no length":   {"chat", ann.origin, 3, ann.sign(3, "\x00word")},
		"with a name that is cut":    {"chat", ann.origin, 3, ann.sign(3, "\x09word")},
		"with a byte more":           {"chat", ann.origin, 3, append(bytes.Clone(body), 0)},
		"with a byte less":           {"chat", ann.origin, 3, body[:len(body)-1]},
		"a longer name, same bytes":  {"chat", ann.origin, 3, append(bytes.Clone(body[:Size]), "\x05word\xa2hi"...)},
		"the name of another length": {"chat", ann.origin, 3, append(bytes.Clone(body[:Size]), "\x03word\xa2hi"...)},
	} {
		if New(c.network).Verify(c.origin, c.seq, c.body) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Flipping any bit of a signed event invalidates it, including bits that could yield
// another encoding of the same signature.
func TestNoBitCanBeChanged(t *testing.T) {
	ann := newAuthor(1)
	chat, body := New("chat"), ann.sign(3, event)
	for at := range body {
		for bit := range 8 {
			body[at] ^= 1 << bit
			if chat.Verify(ann.origin, 3, body) {
				t.Errorf("bit %d of byte %d", bit, at)
			}
			body[at] ^= 1 << bit
		}
	}
	if !chat.Verify(ann.origin, 3, body) {
		t.Error("the body itself is refused")
	}
}

// Any bytes may arrive: Verify never panics and accepts only what was signed.
func FuzzVerify(f *testing.F) {
	ann := newAuthor(1)
	good := ann.sign(3, event)
	f.Add("chat", uint64(7), uint64(3), good)
	f.Add("chat", uint64(7), uint64(3), good[:Size])
	f.Add("chat", uint64(7), uint64(3), []byte(event))
	f.Add("", uint64(0), uint64(0), []byte{})
	f.Add("game", uint64(8), uint64(4), ann.sign(3, "\x01x"))
	f.Fuzz(func(t *testing.T, network string, epoch, seq uint64, body []byte) {
		before := bytes.Clone(body)
		o := ident.Origin{ID: ann.origin.ID, Epoch: epoch}
		signed := network == "chat" && epoch == 7 && seq == 3 && bytes.Equal(body, good)
		if got := New(network).Verify(o, seq, body); got != signed {
			t.Errorf("%q, epoch %d, number %d, %x: %v", network, epoch, seq, body, got)
		}
		Strip(body)
		if !bytes.Equal(body, before) {
			t.Error("the body was changed")
		}
		// The holder of a key can sign any event, but only as its own origin.
		if len(body) > 1 && body[0] > 0 && len(body) > int(body[0]) {
			own := ann.signFor(network, o, seq, string(body))
			if !New(network).Verify(o, seq, own) || New(network).Verify(ident.Origin{Epoch: epoch}, seq, own) {
				t.Errorf("%x, signed as event %d of epoch %d in %q", body, seq, epoch, network)
			}
		}
	})
}

func TestVerifyingTakesNoMemory(t *testing.T) {
	ann := newAuthor(1)
	chat, body := New("chat"), ann.sign(3, event)
	if n := testing.AllocsPerRun(10, func() { chat.Verify(ann.origin, 3, body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSign(b *testing.B) {
	ann := newAuthor(1)
	chat, body := New("chat"), ann.sign(3, "\x04word"+strings.Repeat("p", 128))
	sign := func(m []byte) []byte { return ed25519.Sign(ann.private, m) }
	b.ReportAllocs()
	for b.Loop() {
		chat.Sign(sign, ann.origin, 3, body)
	}
}

func BenchmarkVerify(b *testing.B) {
	ann := newAuthor(1)
	chat, body := New("chat"), ann.sign(3, "\x04word"+strings.Repeat("p", 128))
	b.ReportAllocs()
	for b.Loop() {
		if !chat.Verify(ann.origin, 3, body) {
			b.Fatal("refused")
		}
	}
}
