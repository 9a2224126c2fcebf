package emitter

import (
	"testing"
	"time"
)

func TestASlowHandlerIsNamedWhileItRuns(t *testing.T) {
	var d diary
	config := Config{OnSlow: func(name string, soFar time.Duration) {
		if soFar < time.Second || soFar > 1250*time.Millisecond {
			d.add("reported after %v", soFar)
		}
		d.add("%s is slow", name)
	}}
	runs(t, config, func(t *testing.T, e *Emitter, push func(names ...string)) {
		d.lines = nil
		gate := make(chan struct{})
		e.On("stuck", func(*Event) error { <-gate; return nil })
		e.On("brisk", func(*Event) error { time.Sleep(900 * time.Millisecond); return nil })
		push("brisk", "brisk", "stuck", "brisk")
		time.Sleep(time.Minute)
		d.want(t, "stuck is slow")
		close(gate)
		time.Sleep(time.Minute)
		e.Do(func() { time.Sleep(2 * time.Second) })
		time.Sleep(time.Minute)
		d.want(t, "stuck is slow", " is slow")
		if s := e.Stats(); s.Slow != 2 || s.Delivered != 5 {
			t.Errorf("stats: %+v", s)
		}
	})
}
