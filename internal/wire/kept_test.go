package wire

import (
	"bytes"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// NEIGHBOR has flags only if one is set. Version 1.0 writes none and ignores them.
func TestFlagsOfNeighborMayBeAbsent(t *testing.T) {
	for _, c := range []struct {
		message *hyparview.Neighbor
		frame   []byte
	}{
		{&hyparview.Neighbor{Priority: hyparview.Bridge}, []byte{2, 0x12, 2}},
		{&hyparview.Neighbor{Priority: hyparview.High, Kept: true}, []byte{3, 0x12, 1, 1}},
	} {
		frame, err := new(Encoder).Append(nil, c.message)
		if err != nil || !bytes.Equal(frame, c.frame) {
			t.Errorf("%+v is %x, %v; want %x", c.message, frame, err, c.frame)
		}
		got, err := afterHello(t, frame)
		if n, ok := got.(*hyparview.Neighbor); err != nil || !ok || *n != *c.message {
			t.Errorf("%x is %+v, %v", frame, got, err)
		}
	}
	got, err := afterHello(t, []byte{4, 0x12, 0, 0xfe, 9}) // these flags are of a later version
	if n, ok := got.(*hyparview.Neighbor); err != nil || !ok || n.Kept {
		t.Errorf("unknown flags are %+v, %v", got, err)
	}
}

// afterHello decodes a frame that follows a HELLO.
func afterHello(t *testing.T, frame []byte) (any, error) {
	t.Helper()
	var dec Decoder
	hello, err := new(Encoder).Append(nil, &Hello{Major: Major, ID: node(1)})
	if err == nil {
		_, _, err = dec.Next(hello)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := dec.Next(frame)
	return m, err
}
