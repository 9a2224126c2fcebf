package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The limits of the headers of an event. They are carried by every node for the
// sake of a few that read them, so they are small.
const (
	// MaxHeaders is how many headers an event may have.
	MaxHeaders = 16

	// MaxHeaderBytes is the longest that they are together, with the lengths before
	// names and values. A W3C trace context with the longest tracestate takes 600.
	MaxHeaderBytes = 1 << 10
)

// headersMark begins the payload of an event that has headers. It is the one byte
// that begins no msgpack value.
const headersMark = 0xc1

// Headers are names and values that travel with an event, before its arguments:
//
//	name length byte | name | value length uvarint | value | …
//
// in the order of their names, no name twice, so that the same headers are always
// the same bytes. nil is none. Headers do not change; they may be used by many
// goroutines. Names are 1 to 255 bytes, and compared byte by byte.
type Headers []byte

// All iterates over names and values, which are parts of h, in the order of the
// names.
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

// Get gives the value of a header, a part of h; nil where there is none.
func (h Headers) Get(name string) []byte {
	for n, value := range h.All() {
		if string(n) == name {
			return value
		}
	}
	return nil
}

// Set returns headers with this one among them, in place of one of the same name;
// an empty value takes it away. h stays as it is, also in what is returned with an
// error, which wraps ErrMalformed or ErrTooLarge.
func (h Headers) Set(name, value string) (Headers, error) {
	switch {
	case name == "":
		return h, fmt.Errorf("the name is empty: %w", ErrMalformed)
	case len(name) > MaxName:
		return h, fmt.Errorf("the name is %d bytes long, and %d are the most: %w", len(name), MaxName, ErrTooLarge)
	case len(value) > MaxHeaderBytes:
		return h, fmt.Errorf("the value is %d bytes long, and all headers together have %d: %w", len(value), MaxHeaderBytes, ErrTooLarge)
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
		return h, fmt.Errorf("it is one more than the %d that an event may have: %w", MaxHeaders, ErrTooLarge)
	case len(out) > MaxHeaderBytes:
		return h, fmt.Errorf("with it the headers take %d bytes, and %d are the most: %w", len(out), MaxHeaderBytes, ErrTooLarge)
	case count == 0:
		return nil, nil
	}
	return out, nil
}

// AppendHeaders appends what the payload of an event begins with that has these
// headers; the arguments follow. Without headers that is nothing.
func AppendHeaders(dst []byte, h Headers) []byte {
	if len(h) == 0 {
		return dst
	}
	dst = append(dst, headersMark)
	dst = binary.AppendUvarint(dst, uint64(len(h)))
	return append(dst, h...)
}

// SplitHeaders takes apart the payload of an event that came from anywhere: both
// parts belong to it. Headers that are not well formed are a *[PayloadError], and
// there are no arguments then. The arguments have not been looked at; see
// [SafePayload]. It takes no memory.
func SplitHeaders(payload []byte) (h Headers, args []byte, err error) {
	if len(payload) == 0 || payload[0] != headersMark {
		return nil, payload, nil // nearly always
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

// headersFault finds what is wrong with headers whose length is right.
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
		case bytes.Compare(name, last) <= 0: // the shortest name is longer than nothing
			return frame.Fault{Field: "header name", Reason: "is empty or out of order", Err: ErrMalformed}
		}
		last = name
	}
	return frame.Fault{}
}

// readHeader takes the next header. Its parts belong to what is read.
func readHeader(r *frame.Reader) (name, value []byte) {
	name = r.Take("header name", int(r.Byte("header name")))
	size := r.Uvarint("header value")
	if size > MaxHeaderBytes {
		r.Fail("header value", "is too long", ErrTooLarge)
		return nil, nil
	}
	return name, r.Take("header value", int(size))
}
