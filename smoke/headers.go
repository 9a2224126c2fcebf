package smoke

import (
	"context"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Headers are names and values that travel with an event in addition to its arguments, as
// HTTP headers do with a body: for example a trace context, or a language. The emitter
// puts them into the context, and handlers read them from the event. Relays do not read
// them. An event without headers has no extra bytes. Headers reach every node that the
// event reaches.

// ContextWithHeader returns a context with which [Broadcast.EmitContext] and
// [Peer.EmitContext] send a header, in addition to those that ctx already has. It
// replaces a header of the same name. An empty value removes the header.
//
// Names are case-sensitive and 1 to 255 bytes long. An event can have 16 headers, and
// 1024 bytes for all of them; each header takes two or three bytes in addition to name
// and value. Beyond these limits, EmitContext and [ContextHeaders] return a
// *[HeaderError].
func ContextWithHeader(ctx context.Context, name, value string) context.Context {
	given := headersIn(ctx)
	if given.err != nil {
		return ctx
	}
	list, err := given.list.Set(name, value)
	if err != nil {
		err = &HeaderError{Name: name, Err: err}
	}
	return context.WithValue(ctx, headersKey{}, headers{list, err})
}

// ContextHeaders returns the headers that EmitContext sends with ctx, or nil if there are
// none. If the headers can't be sent, it returns the error that EmitContext would return.
// The caller may change the map.
func ContextHeaders(ctx context.Context) (map[string]string, error) {
	given := headersIn(ctx)
	return headerMap(given.list), given.err
}

// HeaderError reports a header that can't be sent.
type HeaderError struct {
	Name string // its name
	Err  error  // why
}

// Error implements error.
func (e *HeaderError) Error() string { return fmt.Sprintf("header %.64q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *HeaderError) Unwrap() error { return e.Err }

// headersKey is the key of the headers in a context.
type headersKey struct{}

// headers are the value of headersKey in a context.
type headers struct {
	list wire.Headers // encoded
	err  error        // of the first header that can't be sent; a *HeaderError
}

func headersIn(ctx context.Context) headers {
	given, _ := ctx.Value(headersKey{}).(headers)
	return given
}

func headerMap(list wire.Headers) map[string]string {
	var all map[string]string
	for name, value := range list.All() {
		if all == nil {
			all = make(map[string]string)
		}
		all[string(name)] = string(value)
	}
	return all
}

// Header returns the value of a header, or "" if the event has no header of that name.
// The value can be any bytes. Headers are no more trustworthy than arguments: the emitter
// can write anything.
func (e Event) Header(name string) string { return string(e.headers().Get(name)) }

// Headers returns all headers of the event, or nil if it has none. The caller may change
// the map.
func (e Event) Headers() map[string]string { return headerMap(e.headers()) }

// headers returns the headers in the payload. It returns nil if there are none or if they
// are malformed; in the second case the event has no arguments either.
func (e Event) headers() wire.Headers {
	list, _, _ := wire.SplitHeaders(e.payload) // Bind and the handlers report the error
	return list
}
