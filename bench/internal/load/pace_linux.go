package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pacer waits for moments more exactly than the runtime's timers. If a process has nothing else
// to do, these are up to a millisecond late, which would be most of the measured latency. A
// pacer belongs to one goroutine, which it locks to a thread.
type pacer struct{ start time.Time }

func newPacer() *pacer {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // 1 ns instead of 50 µs; if it fails, waits are up to 50 µs late
	return &pacer{time.Now()}
}

// until waits until d after the pacer's start.
func (p *pacer) until(d time.Duration) {
	for left := d - time.Since(p.start); left > 0; left = d - time.Since(p.start) {
		t := unix.NsecToTimespec(int64(left))
		unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // may return early, so the loop checks the time
	}
}

func (p *pacer) done() { runtime.UnlockOSThread() }
