package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pacer waits for moments more exactly than the runtime's timers, which are late
// by up to a millisecond when a process has nothing else to do: that would be
// most of the latency that is measured. It belongs to one goroutine, and keeps
// it on a thread of its own.
type pacer struct{ start time.Time }

func newPacer() *pacer {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // 1 ns instead of 50 µs; where it fails we are that late
	return &pacer{time.Now()}
}

// until waits for the moment d after the pacer's start.
func (p *pacer) until(d time.Duration) {
	for left := d - time.Since(p.start); left > 0; left = d - time.Since(p.start) {
		t := unix.NsecToTimespec(int64(left))
		unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // woken early, we go round again
	}
}

func (p *pacer) done() { runtime.UnlockOSThread() }
