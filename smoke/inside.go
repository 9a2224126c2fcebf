package smoke

import (
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// isCallback reports whether the caller is code of the program that a node has called: a
// handler, a hook, a logger, a resolver, a transport, a rule. Such code must not wait for
// itself. The check takes microseconds, and only calls that wait make it.
func isCallback() bool { return emitter.Inside() || logging.Inside() || callout.Inside() }
