package smoke

import (
	"context"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Headers are names and values that travel with an event in addition to its arguments, as
// HTTP headers do with a body: a trace context, a language. The emitter puts them into the
// context, and handlers read them from the event. Relays do not read them. An event without
// headers carries no byte for them.
//
// Headers reach every node that the event reaches.

// ContextWithHeader returns a context with which [Broadcast.EmitContext] and
// [Peer.EmitContext] send a header, beside those that ctx has already. A header of the
// same name is replaced, and taken away by an empty value.
//
// Names are 1 to 255 bytes long, and "Lang" is another one than "lang". An event has 16
// headers at most, and these have 1024 bytes together, including two or three for each.
// Beyond that, what EmitContext returns is a *[HeaderError]; [ContextHeaders] tells
// before.
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

// ContextHeaders gives the headers that EmitContext sends with ctx, nil if there are
// none, or the error that it returns instead. The map is the caller's.
func ContextHeaders(ctx context.Context) (map[string]string, error) {
	given := headersIn(ctx)
	return headerMap(given.list), given.err
}

// HeaderError says that a header can't be sent.
type HeaderError struct {
	Name string // the header
	Err  error  // why
}

// Error implements error.
func (e *HeaderError) Error() string { return fmt.Sprintf("header %.64q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *HeaderError) Unwrap() error { return e.Err }

// headersKey is under what a context holds headers.
type headersKey struct{}

// headers are what a context holds.
type headers struct {
	list wire.Headers // as they are sent
	err  error        // the first header that can't be; a *HeaderError
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

// Header gives the value of a header, "" where the event has none of that name. It
// may be any bytes: who emitted the event is not to be trusted more for its headers
// than for its arguments.
func (e Event) Header(name string) string { return string(e.headers().Get(name)) }

// Headers gives all headers of the event, nil where it has none. The map is the
// caller's.
func (e Event) Headers() map[string]string { return headerMap(e.headers()) }

// headers are a part of the payload; nil where there are none, or none that could be
// read, and then there are no arguments either.
func (e Event) headers() wire.Headers {
	list, _, _ := wire.SplitHeaders(e.payload) // Bind and the like report the error
	return list
}
