package smoke

import (
	"reflect"
	"runtime"
	"strings"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

// What is below every call of the program's code on a goroutine of the node; the
// handlers' goroutines are those of package emitter.
var (
	pkgPath    = reflect.TypeFor[Node]().PkgPath()
	sinkFrame  = pkgPath + ".(*logSink).writeOne"
	callFrames = []string{sinkFrame, pkgPath + ".(*outside).run", pkgPath + ".(*ownConn).", pkgPath + ".ownTryConn."}
)

// isLogging reports whether the caller runs on the logging goroutine of a node.
func isLogging() bool { return isBelow(sinkFrame) }

// isCallback reports whether the caller is code of the program that a node has
// called: a handler, a hook, a logger, a resolver, a transport, a rule. It must not
// wait for itself. To look costs microseconds, which those pay that wait.
func isCallback() bool { return emitter.Inside() || isBelow(callFrames...) }

// isBelow reports whether a function of that name, or whose name begins like that,
// is on the stack.
func isBelow(names ...string) bool {
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
			for _, name := range names {
				if strings.HasPrefix(frame.Function, name) {
					return true
				}
			}
		}
	}
}
