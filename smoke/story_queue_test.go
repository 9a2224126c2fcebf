package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// annAndBob runs a test with two neighbours: ann emits, and bob has slow handlers.
func annAndBob(t *testing.T, test func(t *testing.T, s *story, ann, bob *actor)) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		cast, _ := s.hosts(mem.New(), new(atomic.Int64), 2, "10.0.0.1:8495")
		s.wantOverlay(cast, 1)
		test(t, s, cast[0], cast[1])
	})
}

func TestASlowHandlerWithAQueueDelaysNoOther(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		var slow []int
		bob.Broadcast().On("word", func(n int) {
			time.Sleep(time.Second)
			slow = append(slow, n)
		}, smoke.Queue(100))
		began := time.Now()
		ann.speak(20)
		s.wantHeard([]*actor{bob}, []*actor{ann})
		if took := time.Since(began); took > time.Second {
			t.Errorf("the others heard 20 words after %v", took)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(slow) != 20 || !slices.IsSorted(slow) || bob.Stats().Handlers.Dropped != 0 {
			t.Errorf("the slow handler got %v", slow)
		}
		if waited := ann.Stats().Waited; waited > 0 {
			t.Errorf("ann waited for %v", waited)
		}
	})
}

// Events that a full queue drops are counted and reported by OnGap. Other handlers get
// them.
func TestAFullQueueIsReportedAsAGap(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		var slow []uint64
		lost := make(map[uint64]bool)
		bob.OnGap(func(g smoke.Gap) {
			if g.Origin != ann.ID() || !g.Slow || g.Queue != "word" {
				t.Errorf("OnGap reports %+v", g)
			}
			for n := g.From; n < g.To; n++ {
				lost[n] = true
			}
		})
		smoke.On(bob.Broadcast(), "word", func(e smoke.Event, _ int) {
			time.Sleep(time.Second)
			slow = append(slow, e.Seq)
		}, smoke.Queue(5))
		for range 30 {
			ann.speak(1)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(slow)+len(lost) != 30 || len(lost) == 0 || bob.Stats().Handlers.Dropped != uint64(len(lost)) {
			t.Errorf("heard %v, lost %v, %d counted", slow, lost, bob.Stats().Handlers.Dropped)
		}
		for _, n := range slow {
			if lost[n] {
				t.Errorf("%d was delivered and reported as lost", n)
			}
		}
	})
}

func TestStopWaitsForTheQueues(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		var slow []int
		bob.Broadcast().On("word", func(n int) {
			time.Sleep(time.Second)
			slow = append(slow, n)
		}, smoke.Queue(100))
		ann.speak(5)
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := bob.Shutdown(ctx); err != nil || len(slow) != 5 {
			t.Errorf("%v, heard %v", err, slow)
		}
	})
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		bob.Broadcast().On("word", func(n int) { time.Sleep(time.Second) }, smoke.Queue(100))
		ann.speak(5)
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var left *smoke.UndeliveredError
		if err := bob.Shutdown(ctx); !errors.As(err, &left) || left.Events != 3 {
			t.Errorf("after two seconds: %v", err)
		}
		time.Sleep(time.Second) // the running handler ends, and gets no further event
	})
}

func TestInvalidQueuesAreErrors(t *testing.T) {
	node := smoke.CreateNode(smoke.Options{Network: storyNetwork})
	for _, n := range []int{0, -1, 1<<24 + 1} {
		var handlerErr *smoke.HandlerError
		if _, err := smoke.TryOn(node.Broadcast(), "a", func() {}, smoke.Queue(n)); !errors.As(err, &handlerErr) {
			t.Errorf("Queue(%d): %v", n, err)
		}
	}
	node.Broadcast().OnAny(func(smoke.Event) {}, smoke.Queue(0))
	if err := node.Start(); err == nil {
		t.Error("Start does not return the error of the bad Queue")
		node.Stop()
	}
}

func TestALoopOverMessages(t *testing.T) {
	type msg struct{ Text string }
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		emit := func(args ...any) {
			if err := ann.Broadcast().Emit("chat", args...); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		messages := smoke.Messages[msg](t.Context(), bob.Broadcast(), "chat")
		emit(msg{"before the loop"})
		emit(5) // the argument does not fit msg
		var heard []string
		done := make(chan struct{})
		go func() { // ends with the node; the test waits at done
			defer close(done)
			for e, m := range messages {
				if e.Origin != ann.ID() || e.Name != "chat" || e.Via() != ann.ID() {
					t.Errorf("event %+v", e)
				}
				heard = append(heard, m.Text)
			}
		}()
		emit(msg{"in it"})
		emit(msg{})
		if n := bob.Stats().Handlers.Errors; n != 1 {
			t.Errorf("%d errors counted", n)
		}
		if err := bob.Stop(); err != nil {
			t.Error(err)
		}
		<-done
		if want := []string{"before the loop", "in it", ""}; !slices.Equal(heard, want) {
			t.Errorf("heard %q", heard)
		}
	})
}

func TestALoopOverMessagesEnds(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		messages := smoke.Messages[int](ctx, bob.Broadcast(), "word")
		ann.speak(3)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, n := range messages {
			if n == 2 {
				break
			}
		}
		ann.speak(1) // word 4, between the loops
		time.Sleep(time.Second)
		done := make(chan int)
		go func() { // ends with ctx; the test waits at done
			n := 0
			for _, n = range messages {
			}
			done <- n
		}()
		synctest.Wait()
		ann.speak(1)
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		if n := <-done; n != 5 {
			t.Errorf("the second loop heard %d last", n)
		}
		for range messages {
			t.Error("a loop with an ended context heard something")
		}
		for p := range bob.Peers().All() {
			go func() { // ends with the link; the test waits at done
				n := 0
				for _, n = range smoke.Messages[int](t.Context(), p, "direct") {
				}
				done <- n
			}()
			synctest.Wait()
			if err := ann.peer(bob).Emit("direct", 7); err != nil {
				t.Error(err)
			}
			if err := ann.Stop(); err != nil {
				t.Error(err)
			}
			if n := <-done; n != 7 {
				t.Errorf("the loop over a peer heard %d last", n)
			}
			for range smoke.Messages[int](t.Context(), p, "direct") {
				t.Error("a peer that is gone sent something")
			}
		}
	})
}

// If no loop ranges over the messages, the end of the context removes them from the queue.
// Otherwise Stop would count them as undelivered.
func TestMessagesWithoutALoop(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		ctx, cancel := context.WithCancel(t.Context())
		messages := smoke.Messages[int](ctx, bob.Broadcast(), "word")
		ann.speak(3)
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if n := bob.Stats().Queued; n != 0 {
			t.Errorf("%d events are still queued", n)
		}
		for range messages {
			t.Error("a message arrived after the end of the context")
		}
		_ = smoke.Messages[int](t.Context(), bob.Broadcast(), "word")
		ann.speak(2)
		time.Sleep(time.Second)
		var left *smoke.UndeliveredError
		if err := bob.Stop(); !errors.As(err, &left) || left.Events != 2 {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestALoopOverMessagesInsideAHandler(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		var heard []string
		bob.Broadcast().On("word", func(n int) {
			for range smoke.Messages[int](t.Context(), bob.Broadcast(), "more") {
				t.Error("the loop began")
			}
			heard = append(heard, fmt.Sprint("shared ", n))
		})
		bob.Broadcast().Once("word", func(n int) {
			for _, m := range smoke.Messages[int](t.Context(), bob.Broadcast(), "more") {
				heard = append(heard, fmt.Sprint("own ", m))
				break
			}
		}, smoke.Queue(1))
		ann.speak(1)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := ann.Broadcast().Emit("more", 5); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"shared 1", "own 5"}; !slices.Equal(heard, want) {
			t.Errorf("heard %q", heard)
		}
	})
}

func TestInvalidMessagesAreErrors(t *testing.T) {
	node := smoke.CreateNode(smoke.Options{Network: storyNetwork})
	for range smoke.Messages[chan int](t.Context(), node.Broadcast(), "a") {
	}
	var handlerErr *smoke.HandlerError
	if err := node.Start(); !errors.As(err, &handlerErr) {
		t.Errorf("start: %v", err)
		node.Stop()
	}
}

// Once with a queue also waits for an event that fits.
func TestOnceWithAQueueWaitsForAnEventThatFits(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		var heard []string
		bob.Broadcast().Once("a", func(text string) { heard = append(heard, text) }, smoke.Queue(3))
		for _, arg := range []any{5, "fits", "too late"} {
			if err := ann.Broadcast().Emit("a", arg); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if !slices.Equal(heard, []string{"fits"}) {
			t.Errorf("heard %q", heard)
		}
	})
}

// The context of a handler with a queue also ends when the node stops.
func TestAHandlerWithAQueueTakesAContext(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		ended := false
		bob.Broadcast().On("a", func(ctx context.Context, _ string) {
			<-ctx.Done()
			ended = true
		}, smoke.Queue(3))
		if err := ann.Broadcast().Emit("a", "x"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		_ = bob.Stop() // the error may list this handler
		synctest.Wait()
		if !ended {
			t.Error("the context has not ended")
		}
	})
}

// With Rewind, a loop begins with events of the history, also on a running node.
func TestALoopOverThePast(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		ann.speak(3)
		time.Sleep(time.Second)
		messages := smoke.Messages[int](t.Context(), bob.Broadcast(), "word", smoke.Rewind(time.Minute), smoke.Queue(10))
		ann.speak(2)
		time.Sleep(time.Second)
		var heard []int
		for _, n := range messages {
			if heard = append(heard, n); n == 5 {
				break
			}
		}
		if !slices.Equal(heard, []int{1, 2, 3, 4, 5}) {
			t.Errorf("heard %v", heard)
		}
	})
}
