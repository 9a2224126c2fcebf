package smoke

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// Queue gives a handler a queue for n events, 1 to 16,777,216, and a goroutine of its
// own, so that a slow handler does not hold up the others. Without Queue, all handlers
// of a Broadcast share one goroutine, and if they fall behind the whole network is
// asked to emit less; for a handler with a Queue nobody is.
//
// The handler gets its events one after another, in order. It may run at the same time
// as other handlers. If n events wait, or 16 MiB of them, the oldest make room for the
// next one. They are counted in [Stats].Handlers.Dropped and logged, and OnGap reports
// them as a [Gap] with Slow and Queue.
//
// The goroutine exists only while the handler has something to do. A panic is recovered
// and logged. Once the function that On returned has been called, the handler gets none
// of the events that wait. Stop and Shutdown wait for what is in the queue, as for all
// handlers, and count what is left then in an *[UndeliveredError]. With any other n,
// Start and [TryOn] return a *[HandlerError].
func Queue(n int) HandlerOption {
	return HandlerOption{func(s *settings) {
		if n <= 0 || n > emitter.MostQueue {
			s.fail(fmt.Sprintf("a Queue for %d events is none", n), fmt.Sprintf("take 1 to %d", emitter.MostQueue))
			return
		}
		s.Queue = n
	}}
}
