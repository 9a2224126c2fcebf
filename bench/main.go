// Bench compares Smokesignal with alternatives, and with the best that sockets permit, on
// one machine and in one run.
//
//	go run . all      everything, in ten minutes
//	go run . flat     one workload: flat, steady, form, idle or stall
//
// Each measurement runs in its own process. The contestants take turns, round after round,
// so that other load on the machine affects all of them. Absolute figures are hardly
// comparable between machines. Ratios are comparable, and each is computed within a round.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
