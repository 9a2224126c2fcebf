package emitter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
)

// listener is a handler in the model. The model is only a list of handlers in the order
// of registration.
type listener struct {
	number   int
	name     string // the name of the events; "": every name
	settings Settings
	off      func()
}

func TestHandlersMatchTheModel(t *testing.T) {
	for seed := range uint64(20) {
		story(t, Config{}, func(t *testing.T, e *Emitter) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var model []listener
			var got, want []int
			name := func() string { return fmt.Sprint("name", rnd.IntN(1+int(seed)*int(seed))) }
			for number := range 1000 {
				switch rnd.IntN(10) {
				case 0, 1, 2, 3, 4:
					l := listener{number: number, settings: Settings{Once: rnd.IntN(8) == 0, Echo: rnd.IntN(3) == 0}}
					handler := func(*Event) error { got = append(got, number); return nil }
					if rnd.IntN(10) > 0 {
						l.name = name()
						l.off = e.Register(l.name, handler, l.settings)
					} else {
						l.off = e.RegisterAny(handler, l.settings)
					}
					model = append(model, l)
				case 5, 6:
					if len(model) > 0 {
						i := rnd.IntN(len(model))
						model[i].off()
						model[i].off()
						model = slices.Delete(model, i, i+1)
					}
				case 7:
					if gone := name(); rnd.IntN(4) == 0 {
						e.Off(gone)
						model = slices.DeleteFunc(model, func(l listener) bool { return l.name == gone })
					}
				default:
					r := event(name(), 1)
					r.Own = rnd.IntN(2) == 0
					on := eventName(r)
					hears := func(l listener) bool { return (l.name == "" || l.name == on) && (!r.Own || l.settings.Echo) }
					if heard := slices.ContainsFunc(model, hears); !r.Own && e.Has(on) != heard || r.Own && e.HasEcho([]byte(on)) != heard {
						t.Fatalf("seed %d: somebody hears %q (own: %v): the model says %v", seed, on, r.Own, heard)
					}
					got, want = nil, nil
					model = slices.DeleteFunc(model, func(l listener) bool {
						if hears(l) {
							want = append(want, l.number)
						}
						return hears(l) && l.settings.Once
					})
					e.Push(r)
					synctest.Wait()
					if !slices.Equal(got, want) {
						t.Fatalf("seed %d: event %q (own: %v) was heard by %v, want %v", seed, on, r.Own, got, want)
					}
				}
				if n := e.Stats().Handlers; n != len(model) {
					t.Fatalf("seed %d: %d handlers, want %d", seed, n, len(model))
				}
			}
		})
	}
}

// eventName returns the name of a run of one event.
func eventName(r Run) string {
	return (&chunk{items: [128]item{{run: r}}, count: 1}).nameOf(1)
}
