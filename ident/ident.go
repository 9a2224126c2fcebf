// Package ident names things: nodes, the lives of nodes, and links.
//
// It is floor 0 of the house: it imports the standard library only, and every
// other package may import it. All its types are plain values, safe to copy,
// compare and use from any goroutine.
package ident

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Size is the length of an [ID] in bytes.
const Size = 16

// ID names one node. The zero ID means "not known".
type ID [Size]byte

// New draws an ID from random, which is crypto/rand.Reader in a program and a
// seeded source in a simulation.
func New(random io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return ID{}, fmt.Errorf("draw a node id: %w", err)
	}
	return id, nil
}

// FromKey derives the ID of the node that holds the private half of key: the
// first 16 bytes of SHA-256 over the public key.
func FromKey(key ed25519.PublicKey) ID {
	sum := sha256.Sum256(key)
	return ID(sum[:Size])
}

// Parse reads what [ID.String] wrote.
func Parse(text string) (ID, error) {
	var id ID
	if len(text) != 2*Size {
		return ID{}, fmt.Errorf("node id %q: want %d hexadecimal digits, got %d characters", text, 2*Size, len(text))
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, fmt.Errorf("node id %q: %w", text, err)
	}
	return id, nil
}

// String gives the ID as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler: it gives what String does, or, for
// the zero ID, nothing.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) (err error) {
	if *id = (ID{}); len(text) > 0 {
		*id, err = Parse(string(text))
	}
	return err
}

// MarshalBinary implements encoding.BinaryMarshaler: it gives the bytes.
func (id ID) MarshalBinary() ([]byte, error) { return id[:], nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (id *ID) UnmarshalBinary(b []byte) error {
	if len(b) != Size {
		return fmt.Errorf("node id: want %d bytes, got %d", Size, len(b))
	}
	copy(id[:], b)
	return nil
}

// Short gives the first 8 hexadecimal digits, enough for a log line.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero reports whether the ID is the zero ID, "not known".
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs as byte strings: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Less reports whether id sorts before other. The lower of two IDs wins every
// tie-break of the protocol.
func (id ID) Less(other ID) bool { return id.Compare(other) < 0 }

// Origin names who emitted an event: a node in one of its lives. Epoch rises
// strictly from one life of a node to the next.
type Origin struct {
	ID    ID
	Epoch uint64
}

// Compare orders origins by ID, then by epoch.
func (o Origin) Compare(other Origin) int {
	if c := o.ID.Compare(other.ID); c != 0 {
		return c
	}
	switch {
	case o.Epoch < other.Epoch:
		return -1
	case o.Epoch > other.Epoch:
		return 1
	}
	return 0
}

// String gives the origin for a log line.
func (o Origin) String() string { return fmt.Sprintf("%s/%d", o.ID.Short(), o.Epoch) }

// Link numbers one connection of one node. The driver chooses the numbers and
// never uses one twice; the number means nothing to anybody else.
type Link uint64
