package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Handlers can have several shapes. The Once handler takes an int8, so the 300 does not
// count as its event: it waits for the 7.
func ExampleBroadcast_On() {
	ann := smoke.CreateNode(smoke.Options{Network: "example arguments"})
	if err := ann.Start(); err != nil {
		fmt.Println(err)
	}
	defer ann.Stop()
	bob := smoke.CreateNode(smoke.Options{Network: "example arguments", Seeds: []string{ann.Addr()}, Logger: slog.New(slog.DiscardHandler)})
	done := make(chan bool)
	bob.Broadcast().Once("seats", func(n int8) { fmt.Println("once:", n) })
	bob.Broadcast().On("seats", func(ctx context.Context, n int) { fmt.Println("on:", n, ctx.Err()) })
	bob.Broadcast().On("failed", func(err error, at ...time.Time) { fmt.Println("failed:", err, len(at)) })
	bob.Broadcast().OnAny(func(e smoke.Event) {
		if e.Name == "end" {
			close(done)
			return
		}
		var first any
		fmt.Printf("any: %v, %T\n", e.Bind(&first), first)
	})
	ann.OnConnect(func() {
		ann.Broadcast().Emit("seats", 300)
		ann.Broadcast().Emit("seats", 7)
		ann.Broadcast().Emit("failed", errors.New("disk full"), time.Now())
		ann.Broadcast().Emit("end")
	})
	if err := bob.Start(); err != nil {
		fmt.Println(err)
	}
	defer bob.Stop()
	<-done
	// Output:
	// on: 300 <nil>
	// any: <nil>, int64
	// once: 7
	// on: 7 <nil>
	// any: <nil>, int64
	// failed: disk full 1
	// any: <nil>, string
}
