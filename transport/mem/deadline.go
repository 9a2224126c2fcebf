package mem

import (
	"sync"
	"time"
)

// deadline is a moment after which calls fail. The lock of its link guards it.
type deadline struct {
	passed bool
	timer  *time.Timer
}

// set moves the deadline to t. At that time it broadcasts on changed.
func (d *deadline) set(t time.Time, changed *sync.Cond) {
	d.clear()
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		return
	}
	var timer *time.Timer
	// The callback takes the lock that set's caller holds, so it runs after timer is
	// assigned. If the deadline was moved meanwhile, d holds another timer, and the
	// callback does nothing.
	timer = time.AfterFunc(wait, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		if d.timer == timer {
			d.passed = true
			changed.Broadcast()
		}
	})
	d.timer = timer
}

// clear removes the deadline.
func (d *deadline) clear() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.passed = nil, false
}
