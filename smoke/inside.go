package smoke

import (
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// isCallback reports whether the caller is code of the program that a node has
// called: a handler, a hook, a logger, a resolver, a transport, a rule. It must not
// wait for itself. To look costs microseconds, which those pay that wait.
func isCallback() bool { return emitter.Inside() || logging.Inside() || callout.Inside() }
