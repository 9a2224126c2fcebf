package trust

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newTestRule(t *testing.T, admit func(context.Context, Candidate) error) *Guard {
	return newTestGuard(t, newTestKey(t), Rules{Admit: admit})
}

func TestAdmitIsAwaitedUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := newTestRule(t, func(ctx context.Context, _ Candidate) error {
			<-ctx.Done()
			return nil // too late
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := guard.ask(ctx, Candidate{})
		if !errors.Is(err, ErrAdmitLate) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the rule: %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// If an Admit that ignores its context hangs in too many calls, it is not called any
// more, until calls return. The node cannot end hanging calls: the test releases them
// at its end, as a program would have to.
func TestAdmitThatHangsIsNotCalledWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		asked := 0 // calls begin one after another here
		guard := newTestRule(t, func(context.Context, Candidate) error {
			asked++
			<-letGo
			return nil
		})
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for n := range mostHanging {
			if err := guard.ask(over, Candidate{}); !errors.Is(err, ErrAdmitLate) {
				t.Fatalf("call %d: %v", n, err)
			}
			synctest.Wait()
		}
		start := time.Now()
		for range 10 {
			if err := guard.ask(t.Context(), Candidate{}); !errors.Is(err, ErrAdmitBusy) {
				t.Errorf("one more: %v", err)
			}
		}
		if took := time.Since(start); took != 0 || asked != mostHanging {
			t.Errorf("the last ten were refused after %v; the rule was asked %d times", took, asked)
		}
		close(letGo)
		synctest.Wait()
		if err := guard.ask(t.Context(), Candidate{}); err != nil {
			t.Errorf("when all have returned: %v", err)
		}
	})
}

// If Admit panics or ends its goroutine, the candidate is not admitted, and the call does
// not count as hanging.
func TestAdmitThatDoesNotReturnAdmitsNoNode(t *testing.T) {
	for want, rule := range map[string]func(){
		"panicked: oh":            func() { panic("oh") },
		"has ended its goroutine": runtime.Goexit,
	} {
		guard := newTestRule(t, func(context.Context, Candidate) error { rule(); return nil })
		for range 2 * mostHanging {
			if err := guard.ask(t.Context(), Candidate{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%q: %v", want, err)
			}
		}
	}
}
