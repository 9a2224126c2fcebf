// Package ident defines the identity of nodes, of their lives, and of links.
//
// It is on floor 0: it imports only the standard library, and every other package may
// import it. All its types are plain values, safe to copy, compare and use from any
// goroutine.
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

// ID names one node. The zero ID means "unknown".
type ID [Size]byte

// New reads an ID from random: crypto/rand.Reader in a program, a seeded source in a
// simulation.
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

// Parse reads the format of [ID.String].
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

// String returns the ID as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler: it returns the result of String, or
// nothing for the zero ID.
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

// MarshalBinary implements encoding.BinaryMarshaler: it returns the 16 bytes.
func (id ID) MarshalBinary() ([]byte, error) { return id[:], nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (id *ID) UnmarshalBinary(b []byte) error {
	if len(b) != Size {
		return fmt.Errorf("node id: want %d bytes, got %d", Size, len(b))
	}
	copy(id[:], b)
	return nil
}

// Short returns the first 8 hexadecimal digits, for log lines.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero reports whether the ID is the zero ID, "unknown".
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs as byte strings: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Less reports whether id sorts before other. The lower of two IDs wins every
// tie-break of the protocol.
func (id ID) Less(other ID) bool { return id.Compare(other) < 0 }

// Origin names the emitter of an event: one life of a node. Each life of a node has a
// higher Epoch than the one before.
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

// String returns the origin as a log line shows it.
func (o Origin) String() string { return fmt.Sprintf("%s/%d", o.ID.Short(), o.Epoch) }

// Link numbers one connection of one node. The node's driver assigns the numbers and
// never reuses one. The number has no meaning to other nodes.
type Link uint64
