package callstack

import "testing"

type caller struct{}

func (caller) call(depth int, f func()) {
	if depth > 0 {
		caller{}.call(depth-1, f)
		return
	}
	f()
}

// A function counts at any depth, and only on the goroutine that asks.
func TestHas(t *testing.T) {
	const name = "github.com/smokesignal-go/smokesignal/internal/callstack.caller.call"
	if Has(name) {
		t.Error("found a function that has not been called")
	}
	caller{}.call(200, func() {
		if !Has("no such function", name) {
			t.Error("not found below 200 calls")
		}
		other := make(chan bool)
		go func() { other <- Has(name) }() // the test waits for it
		if <-other {
			t.Error("found on another goroutine")
		}
	})
	if Has(name) {
		t.Error("found a function that has returned")
	}
}
