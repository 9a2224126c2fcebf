// Bench compares Smokesignal with what one could take instead, and with the
// best that sockets allow, on one machine and in one run.
//
//	go run . all      everything, in ten minutes
//	go run . flat     one workload: flat, steady, form, idle or stall
//
// Each measurement runs in a process of its own, the contestants one after
// another and round after round, so that what else happens on the machine
// befalls all of them. Absolute figures say little elsewhere; ratios do, and
// they are made within a round.
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
