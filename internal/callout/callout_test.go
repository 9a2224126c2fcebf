package callout

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/logging"
)

func newCalls(t *testing.T) (*Calls, *Counts) {
	out := logrus.New()
	out.SetOutput(io.Discard)
	log, err := logging.New(out)
	if err != nil {
		t.Fatal(err)
	}
	counts := new(Counts)
	return New(log, counts), counts
}

// A call that hangs is given up a moment after its context has ended. If it returns a value
// later, undo is called.
func TestACallThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, counts := newCalls(t)
		leave := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start, undone := time.Now(), 0
		_, err := Ask(ctx, calls, &Call{Kind: Dial, What: "Dial(x)"}, func(context.Context) (int, error) {
			<-leave
			return 7, nil
		}, func(n int) { undone = n })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second+LateAfter {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if !slices.Equal(calls.Names(), []string{"Dial(x)"}) || counts.Hanging() != 1 || counts.GivenUp.Load() != 1 || !calls.Has(Dial) || calls.Has(LookUp) {
			t.Errorf("%q run, %d hang", calls.Names(), counts.Hanging())
		}
		calls.Await(t.Context()) // Await does not wait for the call that was given up
		close(leave)
		synctest.Wait()
		if undone != 7 || counts.Hanging() != 0 || len(calls.Names()) != 0 {
			t.Errorf("undone: %d; %d hang", undone, counts.Hanging())
		}
	})
}

// If a function panics or ends its goroutine, its call returns an error, and the panic is
// counted.
func TestACallThatPanicsFails(t *testing.T) {
	calls, counts := newCalls(t)
	for name, fn := range map[string]func(context.Context) (int, error){
		"panic":  func(context.Context) (int, error) { panic("on purpose") },
		"Goexit": func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		before := counts.Panics.Load()
		_, err := Ask(t.Context(), calls, &Call{Kind: LookUp, What: name}, fn, nil)
		if !errors.Is(err, ErrPanicked) || counts.Panics.Load() != before+1 {
			t.Errorf("%s: %v, %d counted", name, err, counts.Panics.Load()-before)
		}
	}
	if err := calls.Protect("x", func() { panic("on purpose") }); !errors.Is(err, ErrPanicked) {
		t.Error(err)
	}
}

// If too many calls of a kind hang, further ones of that kind fail at once.
func TestManyCallsThatHangAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, _ := newCalls(t)
		leave := make(chan struct{})
		hang := func(kind Kind) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := Ask(ctx, calls, &Call{Kind: kind, What: "x"}, func(context.Context) (int, error) { <-leave; return 0, nil }, nil)
			return err
		}
		for range mostLate {
			if err := hang(Dial); errors.Is(err, ErrHangs) {
				t.Fatal(err)
			}
		}
		if err := hang(Dial); !errors.Is(err, ErrHangs) {
			t.Errorf("one too many: %v", err)
		}
		if err := hang(LookUp); errors.Is(err, ErrHangs) {
			t.Errorf("another kind: %v", err)
		}
		close(leave)
		synctest.Wait()
	})
}

// Inside returns true in a call and in a method of a connection of the program, and false
// everywhere else.
func TestInside(t *testing.T) {
	calls, _ := newCalls(t)
	if Inside() {
		t.Error("inside of nothing")
	}
	inside := false
	if _, err := Ask(t.Context(), calls, &Call{Kind: Admit}, func(context.Context) (int, error) { inside = Inside(); return 0, nil }, nil); err != nil || !inside {
		t.Errorf("in a call: %v, %v", inside, err)
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	conn, err := calls.Adopt(&spy{Conn: ours})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(nil); !errors.Is(err, errInside) {
		t.Errorf("in Write: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	calls.Await(t.Context())
}

// spy is a connection of a program.
type spy struct{ net.Conn }

var errInside = errors.New("inside")

func (*spy) Write([]byte) (int, error) {
	if Inside() {
		return 0, errInside
	}
	return 0, nil
}

// A connection of the program can't harm the node: not by a panic, nor by an impossible
// count.
func TestAConnectionOfTheProgram(t *testing.T) {
	calls, counts := newCalls(t)
	if _, err := calls.Adopt(nil); !errors.Is(err, ErrNoConn) {
		t.Error(err)
	}
	conn, err := calls.Adopt(&liar{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 4)); n != 0 || !errors.Is(err, errBytes) {
		t.Errorf("read %d bytes: %v", n, err)
	}
	if _, err := conn.Write(nil); !errors.Is(err, ErrPanicked) || counts.Panics.Load() != 1 {
		t.Error(err)
	}
	if own := ConnOf(conn); own == nil || own.Running() != "" {
		t.Errorf("%v still runs", own)
	}
}

type liar struct{ net.Conn }

func (*liar) LocalAddr() net.Addr         { return nil }
func (*liar) RemoteAddr() net.Addr        { return nil }
func (*liar) Read(b []byte) (int, error)  { return len(b) + 1, nil }
func (*liar) Write(b []byte) (int, error) { panic("on purpose") }
