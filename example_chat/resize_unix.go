//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// prepareConsole has nothing to do: these terminals interpret escape sequences.
func prepareConsole(*os.File) {}

// watchSize calls resize whenever the terminal changes its size, until unwatch is called.
func watchSize(resize func()) (unwatch func()) {
	changes, stop, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(changes, syscall.SIGWINCH)
	// This goroutine belongs to the screen; unwatch ends it and waits for it.
	go func() {
		defer close(done)
		for {
			select {
			case <-changes:
				resize()
			case <-stop:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changes)
		close(stop)
		<-done
	}
}
