package smoke

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// Queue gives a handler its own queue for n events, 1 to 16,777,216, and its own goroutine,
// so that a slow handler does not delay the others. Without Queue, all handlers of a
// Broadcast share one goroutine. If they fall behind, the node asks the whole network to
// emit less. It does not do that for a handler with a Queue.
//
// The handler gets its events one after another, in order. It may run at the same time as
// other handlers. If n events or 16 MiB wait, the oldest are dropped to make room for the
// next one. The dropped events are counted in [HandlerStats].Dropped and logged, and OnGap
// reports them as a [Gap] with Slow and Queue.
//
// The goroutine exists only while the handler has events. A panic is recovered and
// logged. When the program calls the function that On returned, the waiting events are
// dropped. Stop and Shutdown wait for the queue, as for all handlers, and count what is
// left in an *[UndeliveredError]. For any other n, Start and TryOn return a
// *[HandlerError].
func Queue(n int) HandlerOption {
	return HandlerOption{func(s *settings) {
		if n <= 0 || n > emitter.MostQueue {
			s.fail(fmt.Sprintf("a Queue can't hold %d events", n), fmt.Sprintf("write 1 to %d", emitter.MostQueue))
			return
		}
		s.Queue = n
	}}
}
