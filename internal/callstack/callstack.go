// Package callstack finds out on which goroutine the caller runs, by the functions
// below it.
package callstack

import (
	"runtime"
	"strings"
)

// Has reports whether a function whose full name begins with one of the prefixes is on
// the stack of the caller. It costs microseconds.
func Has(prefixes ...string) bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			for _, prefix := range prefixes {
				if strings.HasPrefix(frame.Function, prefix) {
					return true
				}
			}
		}
	}
}
