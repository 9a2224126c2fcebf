package smoke

import (
	"reflect"

	"github.com/smokesignal-go/smokesignal/internal/callstack"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// What is below every call of the program's code on a goroutine of the node; the
// handlers' goroutines are those of package emitter, and the logging one is that of
// package logging.
var (
	pkgPath    = reflect.TypeFor[Node]().PkgPath()
	callFrames = []string{pkgPath + ".(*outside).run", pkgPath + ".(*ownConn).", pkgPath + ".ownTryConn."}
)

// isCallback reports whether the caller is code of the program that a node has
// called: a handler, a hook, a logger, a resolver, a transport, a rule. It must not
// wait for itself. To look costs microseconds, which those pay that wait.
func isCallback() bool {
	return emitter.Inside() || logging.Inside() || callstack.Has(callFrames...)
}
