package loadtest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

var sealed = event{run: 1 << 63, number: 77, due: -time.Second, ask: everybody, measured: true}

func TestEventsOfAllSizes(t *testing.T) {
	for _, size := range []int{MinSize, 128, 258, 259, 260, 65539, 65540, 65541, MaxSize} {
		raw := newEnvelope(size, sealed.run).seal(sealed)
		if len(raw) != size {
			t.Errorf("want %d bytes, got %d", size, len(raw))
		}
		if got, err := open(raw); err != nil || got != sealed {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
	}
}

func TestEveryChangedByteShows(t *testing.T) {
	raw := newEnvelope(128, sealed.run).seal(sealed)
	for i := range raw {
		spoilt := slices.Clone(raw)
		spoilt[i] ^= 0x10
		if _, err := open(spoilt); err == nil {
			t.Errorf("byte %d of %d is another one, and nobody sees", i, len(raw))
		}
	}
	far := newEnvelope(128, 1).seal(event{number: mostCounted})
	if _, err := open(far); !errors.Is(err, errShape) {
		t.Errorf("a number that no run has: %v", err)
	}
}

func TestEventsCostNoMemory(t *testing.T) {
	e := newEnvelope(128, 1)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := open(e.seal(sealed)); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(newEnvelope(MinSize, 1).seal(sealed)))
	f.Add([]byte(newEnvelope(300, 1).seal(sealed)))
	f.Add([]byte{0x91, 0xc6, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		ev, err := open(raw)
		if err != nil {
			return
		}
		if ev.number >= mostCounted {
			t.Errorf("number %d", ev.number)
		}
	})
}

func TestWhoIsPrintable(t *testing.T) {
	id := smoke.ID{0xab}
	for addr, want := range map[string]string{
		"":                   "ab000000",
		"10.0.0.1:8495":      "ab000000 at 10.0.0.1:8495",
		"a\x1b[31m\nb\xff:1": "ab000000 at a?[31m?b?:1",
	} {
		if got := displayName(id, addr); got != want {
			t.Errorf("%q becomes %q, want %q", addr, got, want)
		}
	}
	if long := displayName(id, string(make([]byte, 1<<16))); len(long) > 200 {
		t.Errorf("%d bytes", len(long))
	}
}
