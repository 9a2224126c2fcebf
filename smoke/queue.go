package smoke

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// Queue gives a handler a queue for n events, 1 to 16,777,216, and a goroutine of its
// own, so that a slow handler does not delay the others. Without Queue, all handlers of a
// Broadcast share one goroutine, and if they fall behind, the node asks the whole network
// to emit less. It does not for a handler with a Queue.
//
// The handler gets its events one after another, in order. It may run at the same time as
// other handlers. If n events or 16 MiB wait, the oldest are dropped for the next one.
// They are counted in [HandlerStats].Dropped and logged, and OnGap reports them as a
// [Gap] with Slow and Queue.
//
// The goroutine exists only while the handler has events. A panic is recovered and
// logged. After a call of the function that On returned, the handler gets none of the
// waiting events. Stop and Shutdown wait for the queue, as for all handlers, and count
// what is left in an *[UndeliveredError]. For any other n, Start and TryOn return a
// *[HandlerError].
func Queue(n int) HandlerOption {
	return HandlerOption{func(s *settings) {
		if n <= 0 || n > emitter.MostQueue {
			s.fail(fmt.Sprintf("a Queue for %d events is none", n), fmt.Sprintf("take 1 to %d", emitter.MostQueue))
			return
		}
		s.Queue = n
	}}
}
