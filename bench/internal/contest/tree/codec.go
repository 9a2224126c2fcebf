package tree

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
)

type opaque struct{ ledger *check.Ledger }

func (opaque) append(b []byte, m check.Message) ([]byte, error) { return m.Append(b), nil }

func (o opaque) receiver(node int) func([]byte) {
	return func(frame []byte) { o.ledger.ReceiveBytes(node, frame) }
}

// packed encodes a frame as a name and an array of arguments, like a system with named events.
type packed struct{ ledger *check.Ledger }

const eventName = "bench"

func (packed) append(b []byte, m check.Message) ([]byte, error) {
	out := bytes.NewBuffer(b)
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(out)
	enc.UseCompactInts(true)
	if err := enc.EncodeString(eventName); err != nil {
		return b, err
	}
	if err := enc.EncodeArrayLen(1); err != nil {
		return b, err
	}
	if err := enc.Encode(&m); err != nil {
		return b, err
	}
	return out.Bytes(), nil
}

func (p packed) receiver(node int) func([]byte) {
	in := bytes.NewReader(nil)
	dec := msgpack.NewDecoder(in)
	return func(frame []byte) {
		in.Reset(frame)
		dec.Reset(in)
		name, err := dec.DecodeString()
		if err != nil || name != eventName {
			p.ledger.Corrupt()
			return
		}
		if n, err := dec.DecodeArrayLen(); err != nil || n != 1 {
			p.ledger.Corrupt()
			return
		}
		var m check.Message
		if err := dec.Decode(&m); err != nil {
			p.ledger.Corrupt()
			return
		}
		p.ledger.Receive(node, m)
	}
}
