package emitter

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
)

// BenchmarkPush measures an event from Push to the return of a handler that does nothing.
func BenchmarkPush(b *testing.B) {
	payload := strings.Repeat("x", 128)
	for _, batch := range []int{1, 64, 512} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			var events Run
			for range batch {
				events = events.with("a", payload)
			}
			e := New(Config{QueueEvents: math.MaxInt, QueueBytes: math.MaxInt})
			defer e.Close()
			e.On("a", func(*Event) error { return nil })
			b.ReportAllocs()
			for n := 0; n < b.N; n += batch {
				e.Push(events)
				if n%4096 == 0 { // keep the queue short, as a reader does with its bounded batch
					if err := e.Drain(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := e.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkEvent measures the cost of an event on the handler goroutine, without the
// handler.
func BenchmarkEvent(b *testing.B) {
	for _, bench := range []struct {
		name   string
		names  []string // names of the events, in turn
		listen func(e *Emitter)
	}{
		{"one name", []string{"a"}, func(e *Emitter) { e.On("a", ignore) }},
		{"two names", []string{"a", "b"}, func(e *Emitter) { e.On("a", ignore); e.On("b", ignore) }},
		{"two handlers", []string{"a"}, func(e *Emitter) { e.On("a", ignore); e.On("a", ignore) }},
		{"any name", []string{"a", "b"}, func(e *Emitter) { e.OnAny(ignore) }},
		{"another name", []string{"a"}, func(e *Emitter) { e.On("b", ignore) }},
		{"nobody", []string{"a"}, func(*Emitter) {}},
	} {
		b.Run(strings.ReplaceAll(bench.name, " ", "-"), func(b *testing.B) {
			const events = 400
			var r Run
			for n := range events {
				r = r.with(bench.names[n%len(bench.names)], strings.Repeat("x", 128))
			}
			e := New(Config{QueueEvents: math.MaxInt, QueueBytes: math.MaxInt})
			defer e.Close()
			bench.listen(e)
			e.Hold()
			for range (b.N + events - 1) / events {
				e.Push(r)
			}
			b.ReportAllocs()
			b.ResetTimer()
			e.Release()
			if err := e.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func ignore(*Event) error { return nil }
