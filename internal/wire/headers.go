package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The limits of the headers of an event are small, because every node relays the headers
// and only a few nodes read them.
const (
	// MaxHeaders is how many headers an event may have.
	MaxHeaders = 16

	// MaxHeaderBytes is the most that all headers of an event take together, with the
	// lengths before names and values. A W3C trace context with the longest tracestate
	// takes 600 bytes.
	MaxHeaderBytes = 1 << 10
)

// headersMark begins the payload of an event that has headers. It is the one byte with
// which no msgpack value begins.
const headersMark = 0xc1

// Headers are names and values that travel with an event, before its arguments:
//
//	name length byte | name | value length uvarint | value | …
//
// They are sorted by name, and no name occurs twice, so the same headers are always the
// same bytes. nil means no headers. Headers are immutable, so any number of goroutines
// may use them. Names have 1 to 255 bytes and are compared byte by byte.
type Headers []byte

// All iterates over the names and values in the order of the names. Both are parts of h.
func (h Headers) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for r := frame.ReaderOf(h); r.Len() > 0; {
			name, value := readHeader(&r)
			if r.IsFaulty() || !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of a header, which is a part of h, or nil if there is none.
func (h Headers) Get(name string) []byte {
	for n, value := range h.All() {
		if string(n) == name {
			return value
		}
	}
	return nil
}

// Set returns a copy of h in which the header has this value. An empty value removes the
// header. h itself does not change. If Set fails, with an error that wraps ErrMalformed
// or ErrTooLarge, it returns h.
func (h Headers) Set(name, value string) (Headers, error) {
	switch {
	case name == "":
		return h, fmt.Errorf("the name is empty: %w", ErrMalformed)
	case len(name) > MaxName:
		return h, fmt.Errorf("the name is %d bytes long, and at most %d are allowed: %w", len(name), MaxName, ErrTooLarge)
	case len(value) > MaxHeaderBytes:
		return h, fmt.Errorf("the value is %d bytes long, and all headers together may take %d: %w", len(value), MaxHeaderBytes, ErrTooLarge)
	}
	out, count := make(Headers, 0, len(h)+3+len(name)+len(value)), 0
	put := func(name, value []byte) {
		if len(value) > 0 {
			out = append(append(out, byte(len(name))), name...)
			out = append(binary.AppendUvarint(out, uint64(len(value))), value...)
			count++
		}
	}
	mine, placed := []byte(name), false
	for n, v := range h.All() {
		order := bytes.Compare(n, mine)
		if order >= 0 && !placed {
			put(mine, []byte(value))
			placed = true
		}
		if order != 0 {
			put(n, v)
		}
	}
	if !placed {
		put(mine, []byte(value))
	}
	switch {
	case count > MaxHeaders:
		return h, fmt.Errorf("an event may have at most %d headers: %w", MaxHeaders, ErrTooLarge)
	case len(out) > MaxHeaderBytes:
		return h, fmt.Errorf("all headers would take %d bytes, and at most %d are allowed: %w", len(out), MaxHeaderBytes, ErrTooLarge)
	case count == 0:
		return nil, nil
	}
	return out, nil
}

// AppendHeaders appends the first part of a payload, which holds the headers; the
// arguments follow. It appends nothing if there are no headers.
func AppendHeaders(dst []byte, h Headers) []byte {
	if len(h) == 0 {
		return dst
	}
	dst = append(dst, headersMark)
	dst = binary.AppendUvarint(dst, uint64(len(h)))
	return append(dst, h...)
}

// SplitHeaders splits a payload, which may be from any peer. Both results are parts of it.
// If the headers are not well formed, it returns a *[PayloadError] and no arguments. The
// arguments are not checked; see [SafePayload]. SplitHeaders allocates nothing.
func SplitHeaders(payload []byte) (h Headers, args []byte, err error) {
	if len(payload) == 0 || payload[0] != headersMark {
		return nil, payload, nil // most payloads have no headers
	}
	return splitHeaders(payload)
}

func splitHeaders(payload []byte) (h Headers, args []byte, err error) {
	r := frame.ReaderOf(payload[1:])
	switch size := r.Uvarint("length of the headers"); {
	case r.IsFaulty():
	case size == 0:
		r.Fail("list of headers", "is empty", ErrMalformed)
	case size > MaxHeaderBytes:
		r.Fail("list of headers", "is too long", ErrTooLarge)
	default:
		h = r.Take("list of headers", int(size))
	}
	args = r.Rest()
	f := r.Fault()
	if f.Err == nil {
		f = headersFault(h)
	}
	if f.Err != nil {
		return nil, nil, &PayloadError{0, f.String(), f.Err}
	}
	return h, args, nil
}

// headersFault finds an error in headers whose total length has been checked.
func headersFault(h []byte) frame.Fault {
	var last []byte
	count := 0
	for r := frame.ReaderOf(h); r.Len() > 0; {
		name, _ := readHeader(&r)
		switch count++; {
		case r.IsFaulty():
			return r.Fault()
		case count > MaxHeaders:
			return frame.Fault{Field: "headers", Reason: "are too many", Err: ErrTooLarge}
		case bytes.Compare(name, last) <= 0: // last is empty at first, so this also refuses an empty first name
			return frame.Fault{Field: "header name", Reason: "is empty or out of order", Err: ErrMalformed}
		}
		last = name
	}
	return frame.Fault{}
}

// readHeader reads the next header. The results are parts of the input.
func readHeader(r *frame.Reader) (name, value []byte) {
	name = r.Take("header name", int(r.Byte("header name")))
	size := r.Uvarint("header value")
	if size > MaxHeaderBytes {
		r.Fail("header value", "is too long", ErrTooLarge)
		return nil, nil
	}
	return name, r.Take("header value", int(size))
}
