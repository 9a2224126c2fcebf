package batch

import (
	"bytes"
	"strings"
	"testing"
)

func pack(bodies ...string) (b []byte) {
	for _, body := range bodies {
		b = Append(b, []byte(body))
	}
	return b
}

func TestBodiesComeOutAsTheyWentIn(t *testing.T) {
	in := []string{"a", "", strings.Repeat("b", 127), strings.Repeat("c", 128), strings.Repeat("d", 70_000)}
	b := pack(in...)
	size := 0
	for _, body := range in {
		size += Size(len(body))
	}
	if len(b) != size {
		t.Errorf("%d bytes, and Size says %d", len(b), size)
	}
	if n, ok := Count(b); n != len(in) || !ok {
		t.Errorf("Count = %d, %v", n, ok)
	}
	for i, want := range in {
		body, rest, ok := Next(b)
		if !ok || string(body) != want {
			t.Fatalf("body %d: %d bytes, %v", i, len(body), ok)
		}
		if cap(body) != len(body) {
			t.Errorf("body %d: an append to it would write over the next", i)
		}
		b = rest
	}
}

func TestARunIsCutInTwoWithoutACopy(t *testing.T) {
	b := pack("one", "two", "three", "four")
	if got := Slice(b, 1, 3); !bytes.Equal(got, pack("two", "three")) || &got[0] != &b[4] {
		t.Errorf("%q", got)
	}
	if got := Slice(b, 2, 2); len(got) != 0 {
		t.Errorf("nothing is %q", got)
	}
	if got := Skip(b, 5); len(got) != 0 {
		t.Errorf("behind the end is %q", got)
	}
}

func TestWhatIsNoBodyIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"cut short":           {3, 'a', 'b'},
		"cut in the length":   {0x80},
		"a length too long":   {0x81, 0x00, 'a'},
		"longer than memory":  {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"no number":           {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"after one that fits": append(pack("fits"), 9),
	} {
		if n, ok := Count(b); ok {
			t.Errorf("%s: counted %d", name, n)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add(pack("a", "", "bc"))
	f.Add([]byte{0x81, 0x00, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		rest := b
		for {
			body, next, ok := Next(rest)
			if !ok {
				break
			}
			again, rest = Append(again, body), next
		}
		if !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
