package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

func TestBodyHoldsNameAndPayload(t *testing.T) {
	for _, c := range []struct{ name, payload string }{
		{"chat", "\xa2hi"},
		{"x", ""},
		{strings.Repeat("n", MaxName), strings.Repeat("p", MaxPayload)},
	} {
		b, err := AppendBody([]byte("before"), c.name, []byte(c.payload))
		if err != nil {
			t.Fatal(err)
		}
		b, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok {
			t.Fatal("AppendBody did not append")
		}
		name, payload, err := SplitBody(b)
		if err != nil || string(name) != c.name || string(payload) != c.payload {
			t.Errorf("SplitBody = %d bytes, %d bytes, %v", len(name), len(payload), err)
		}
		if len(name) != cap(name) {
			t.Error("an append to the name would write over the payload")
		}
	}
}

func TestASignatureStandsBeforeTheBody(t *testing.T) {
	b := signedBody("chat", "\xa2hi")
	name, payload, err := SplitBody(b)
	if err != nil || string(name) != "chat" || string(payload) != "\xa2hi" || !IsSigned(b) || IsSigned(body("chat", "")) {
		t.Errorf("SplitBody = %q, %q, %v", name, payload, err)
	}
	for name, spoilt := range map[string][]byte{
		"cut in the signature":    b[:96],
		"cut behind it":           b[:97],
		"with a name that is cut": b[:100],
		"signed twice":            append(bytes.Clone(b[:97]), b...),
	} {
		if _, _, err := SplitBody(spoilt); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		gossip := &plumtree.Gossip{Origin: life(1, 1), Seq: 1, Count: 1, Body: pack(spoilt)}
		if _, err := new(Encoder).Append(nil, gossip); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, sent: %v", name, err)
		}
	}
	// An event for one neighbour has no signature, because the link shows which node sent
	// it.
	if _, err := new(Encoder).Append(nil, &Direct{Body: b}); !errors.Is(err, ErrMalformed) {
		t.Errorf("in DIRECT: %v", err)
	}
	if m, n, err := opened(t).Next(frameOf(KindDirect, b...)); !errors.Is(err, ErrMalformed) {
		t.Errorf("in DIRECT: %v, %d, %v", m, n, err)
	}
}

func TestBodyIsRefusedAtItsLimits(t *testing.T) {
	for name, c := range map[string]struct {
		name    string
		payload int
		want    error
	}{
		"no name":      {"", 0, ErrMalformed},
		"long name":    {strings.Repeat("n", MaxName+1), 0, ErrTooLarge},
		"long payload": {"n", MaxPayload + 1, ErrTooLarge},
	} {
		dst := []byte("before")
		b, err := AppendBody(dst, c.name, make([]byte, c.payload))
		if !errors.Is(err, c.want) || string(b) != "before" {
			t.Errorf("%s: %q, %v; want %v", name, b, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"nothing":      {nil, ErrMalformed},
		"no name":      {[]byte{0, 0xc0}, ErrMalformed},
		"name cut":     {[]byte{2, 'a'}, ErrMalformed},
		"long payload": {make([]byte, MaxPayload+3), ErrTooLarge},
	} {
		if len(c.body) > 2 {
			c.body[0] = 1
		}
		if _, _, err := SplitBody(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
	}
}
