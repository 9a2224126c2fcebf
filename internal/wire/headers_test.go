package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// headers makes headers of pairs of names and values.
func headers(t testing.TB, pairs ...string) Headers {
	t.Helper()
	var h Headers
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if h, err = h.Set(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func list(h Headers) string {
	var s strings.Builder
	for name, value := range h.All() {
		fmt.Fprintf(&s, "%s=%s ", name, value)
	}
	return strings.TrimSpace(s.String())
}

func TestHeadersAreTheSameBytesInWhateverOrderTheyWereSet(t *testing.T) {
	long := strings.Repeat("v", 300)
	h := headers(t, "b", "2", "c", "3", "a", "1", "ab", long, "b", "two")
	if got := list(h); got != "a=1 ab="+long+" b=two c=3" {
		t.Error(got)
	}
	if same := headers(t, "ab", long, "b", "two", "gone", "x", "c", "3", "a", "1", "gone", ""); !bytes.Equal(h, same) {
		t.Errorf("%q", same)
	}
	if string(h.Get("b")) != "two" || h.Get("d") != nil || h.Get("") != nil || Headers(nil).Get("a") != nil {
		t.Errorf("%q, %q", h.Get("b"), h.Get("d"))
	}
	if empty := headers(t, "a", "1", "a", "", "b", ""); empty != nil {
		t.Errorf("%q is left", empty)
	}
}

func TestHeadersStandBeforeTheArguments(t *testing.T) {
	h := headers(t, "traceparent", "00-1")
	payload := append(AppendHeaders([]byte("before"), h), "\x91\x01"...)
	payload = bytes.TrimPrefix(payload, []byte("before"))
	if want := "\xc1\x11\x0btraceparent\x0400-1\x91\x01"; string(payload) != want {
		t.Errorf("%q, want %q", payload, want)
	}
	got, args, err := SplitHeaders(payload)
	if err != nil || !bytes.Equal(got, h) || string(args) != "\x91\x01" {
		t.Errorf("%q, %q, %v", got, args, err)
	}
	if b := AppendHeaders(nil, nil); b != nil {
		t.Errorf("no headers take %d bytes", len(b))
	}
	for _, plain := range []string{"", "\x90", "\xa2hi", "\x00"} {
		if h, args, err := SplitHeaders([]byte(plain)); h != nil || string(args) != plain || err != nil {
			t.Errorf("%q: %q, %q, %v", plain, h, args, err)
		}
	}
}

func TestHeadersAreRefusedAtTheirLimits(t *testing.T) {
	full := Headers(nil)
	for i := range MaxHeaders {
		full = headers(t, append(pairs(full), fmt.Sprint("h", i), "v")...)
	}
	most := headers(t, "a", strings.Repeat("v", MaxHeaderBytes-4))
	for name, c := range map[string]struct {
		to          Headers
		name, value string
		want        error
	}{
		"no name":     {nil, "", "v", ErrMalformed},
		"long name":   {nil, strings.Repeat("n", MaxName+1), "v", ErrTooLarge},
		"long value":  {nil, "n", strings.Repeat("v", MaxHeaderBytes-3), ErrTooLarge},
		"huge value":  {nil, "n", strings.Repeat("v", 1<<20), ErrTooLarge},
		"one more":    {full, "h", "v", ErrTooLarge},
		"a byte more": {most, "a", strings.Repeat("v", MaxHeaderBytes-3), ErrTooLarge},
	} {
		got, err := c.to.Set(c.name, c.value)
		if !errors.Is(err, c.want) || !bytes.Equal(got, c.to) {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(got), err, c.want)
		}
	}
	for _, h := range []Headers{full, most} {
		if got, _, err := SplitHeaders(AppendHeaders(nil, h)); err != nil || !bytes.Equal(got, h) {
			t.Errorf("%d bytes: %v", len(h), err)
		}
	}
	if again, err := full.Set("h3", "other"); err != nil || string(again.Get("h3")) != "other" {
		t.Errorf("a header in place of another: %v", err)
	}
}

// pairs is the inverse of headers.
func pairs(h Headers) (list []string) {
	for name, value := range h.All() {
		list = append(list, string(name), string(value))
	}
	return list
}

func TestHeadersThatAreNotWellFormed(t *testing.T) {
	many := new(strings.Builder)
	for i := range MaxHeaders + 1 {
		fmt.Fprintf(many, "\x01%c\x00", 'a'+i)
	}
	for name, c := range map[string]struct {
		payload string
		want    error
	}{
		"nothing":            {"\xc1", ErrMalformed},
		"an empty list":      {"\xc1\x00\x90", ErrMalformed},
		"cut short":          {"\xc1\x04\x01a\x01", ErrMalformed},
		"a long form":        {"\xc1\x83\x00\x01a\x00\x90", ErrMalformed},
		"a name cut short":   {"\xc1\x02\x02a\x90", ErrMalformed},
		"without a value":    {"\xc1\x02\x01a\x90", ErrMalformed},
		"a value cut short":  {"\xc1\x04\x01a\x02v\x90", ErrMalformed},
		"no name":            {"\xc1\x03\x00\x01v\x90", ErrMalformed},
		"twice":              {"\xc1\x06\x01a\x00\x01a\x00\x90", ErrMalformed},
		"out of order":       {"\xc1\x06\x01b\x00\x01a\x00\x90", ErrMalformed},
		"too many":           {"\xc1" + string(rune(many.Len())) + many.String() + "\x90", ErrTooLarge},
		"too long":           {"\xc1\x81\x08" + strings.Repeat("x", 2000), ErrTooLarge},
		"2^63 bytes":         {"\xc1\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", ErrTooLarge},
		"a value of 2^63":    {"\xc1\x0c\x01a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x90", ErrTooLarge},
		"an overlong number": {"\xc1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ErrMalformed},
	} {
		h, args, err := SplitHeaders([]byte(c.payload))
		var payload *PayloadError
		if !errors.Is(err, c.want) || !errors.As(err, &payload) || h != nil || args != nil {
			t.Errorf("%s: %q, %q, %v; want %v", name, h, args, err, c.want)
		}
	}
}

// A relay carries headers without reading them, whether it supports headers or not: for
// the relay they are the first bytes of a payload.
func TestRelaysDoNotLookAtHeaders(t *testing.T) {
	for name, payload := range map[string]string{
		"headers":      string(AppendHeaders(nil, headers(t, "k", "v"))) + "\x90",
		"no arguments": string(AppendHeaders(nil, headers(t, "k", "v"))),
		"malformed":    "\xc1\xff",
	} {
		b, err := AppendBody(nil, "chat", []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []any{&plumtree.Gossip{Origin: life(1, 1), Seq: 1, Round: 1, Count: 1, Body: pack(b)}, &Direct{Body: b}} {
			frame, err := new(Encoder).Append(nil, m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, n, err := opened(t).Next(frame); err != nil || n != len(frame) {
				t.Errorf("%s, in %T: %v", name, m, err)
			}
		}
		// A decoder that does not support headers returns an error, and has no other
		// effect.
		if err := CheckPayload([]byte(payload)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, as a payload: %v", name, err)
		}
	}
}

func TestHeadersTakeNoMemory(t *testing.T) {
	plain, some := []byte("\x91\x01"), append(AppendHeaders(nil, headers(t, "a", "1", "k", "v")), 0x90)
	if n := testing.AllocsPerRun(100, func() {
		for _, payload := range [][]byte{plain, some} {
			h, _, err := SplitHeaders(payload)
			if err != nil || len(h) > 0 && len(h.Get("k")) != 1 {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzHeaders splits random payloads. Accepted headers must be within the limits, and
// Set must make the same bytes from their names and values.
func FuzzHeaders(f *testing.F) {
	f.Add(append(AppendHeaders(nil, headers(f, "traceparent", "00-1", "a", strings.Repeat("v", 200))), 0x90))
	for _, seed := range []string{"\x90", "\xc1", "\xc1\x03\x01a\x00\x90", "\xc1\x06\x01b\x00\x01a\x00", "\xc1\xff\xff\xff\xff\xff\xff\xff\xff\x7f"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, args, err := SplitHeaders(payload)
		if err != nil {
			if h != nil || args != nil {
				t.Fatalf("%q and %q with %v", h, args, err)
			}
			return
		}
		if back := append(AppendHeaders(nil, h), args...); !bytes.Equal(back, payload) {
			t.Fatalf("%q\nbecame %q", payload, back)
		}
		count, anew := 0, Headers(nil)
		for name, value := range h.All() {
			count++
			if got := h.Get(string(name)); !bytes.Equal(got, value) {
				t.Fatalf("%q is %q and %q", name, value, got)
			}
			if len(value) == 0 {
				continue // such headers are accepted from a peer, but Set never makes them
			}
			if anew, err = anew.Set(string(name), string(value)); err != nil {
				t.Fatal(err)
			}
		}
		if count > MaxHeaders || len(h) > MaxHeaderBytes || len(anew) > len(h) {
			t.Fatalf("%d headers of %d bytes, anew %d", count, len(h), len(anew))
		}
	})
}
