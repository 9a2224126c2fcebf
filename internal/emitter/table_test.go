package emitter

import (
	"fmt"
	"runtime"
	"testing"
)

// manyWays lists the ways to register many handlers. Each returns a function that removes
// all of them.
var manyWays = map[string]func(e *Emitter, n int) (off func()){
	"one handler for each of many names": func(e *Emitter, n int) func() {
		return each(n, func(i int) func() { return e.On(fmt.Sprint("name", i), ignore) })
	},
	"many handlers for one name": func(e *Emitter, n int) func() {
		return each(n, func(int) func() { return e.On("name", ignore) })
	},
	"many handlers for every name": func(e *Emitter, n int) func() {
		return each(n, func(int) func() { return e.OnAny(ignore) })
	},
	"names and handlers for every name in turn": func(e *Emitter, n int) func() {
		return each(n, func(i int) func() {
			if i%2 == 0 {
				return e.OnAny(ignore)
			}
			return e.On(fmt.Sprint("name", i), ignore)
		})
	},
	"names taken off by name": func(e *Emitter, n int) func() {
		each(n, func(i int) func() { return e.On(fmt.Sprint("name", i), ignore) })
		return func() {
			for i := range n {
				e.Off(fmt.Sprint("name", i))
			}
		}
	},
	"one name, taken off newest first": func(e *Emitter, n int) func() {
		var offs []func()
		for range n {
			offs = append(offs, e.On("name", ignore))
		}
		return func() {
			for i := range offs {
				offs[len(offs)-1-i]()
			}
		}
	},
	"one name after the other": func(e *Emitter, n int) func() {
		for i := range n {
			e.On(fmt.Sprint("name", i), ignore)()
		}
		return func() {}
	},
}

func each(n int, on func(i int) func()) (off func()) {
	offs := make([]func(), n)
	for i := range offs {
		offs[i] = on(i)
	}
	return func() {
		for _, off := range offs {
			off()
		}
	}
}

// The cost of a registration is measured in bytes. If the table were copied for each
// registration, a registration would take sixteen times as much with 16,000 as with
// 1,000.
func TestARegistrationCostsTheSameHoweverManyThereAre(t *testing.T) {
	for name, way := range manyWays {
		t.Run(name, func(t *testing.T) {
			bytesEach := func(n int) uint64 {
				e := New(Config{})
				defer e.Close()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				way(e, n)()
				runtime.ReadMemStats(&after)
				if left := e.Stats().Handlers; left != 0 {
					t.Errorf("%d handlers are left of %d", left, n)
				}
				return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
			}
			few, many := bytesEach(1000), bytesEach(16_000)
			t.Logf("%d bytes each for 1,000, %d for 16,000", few, many)
			if many > 3*few {
				t.Errorf("%d bytes each for 16,000 registrations, %d for 1,000", many, few)
			}
		})
	}
}

func BenchmarkRegister(b *testing.B) {
	for name, way := range manyWays {
		b.Run(fmt.Sprint("16,000 ", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e := New(Config{})
				way(e, 16_000)()
				e.Close()
			}
		})
	}
}
