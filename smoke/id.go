package smoke

import "github.com/smokesignal-go/smokesignal/ident"

// ID identifies a node: 16 bytes. It is a value, so it can be compared with == and be the
// key of a map. The zero ID means "not known".
//
// The type is that of package ident, and has these methods:
//
//	func (id ID) String() string                   // 32 hexadecimal digits, which ParseID reads
//	func (id ID) Short() string                    // the first 8 of these digits, for log lines
//	func (id ID) IsZero() bool                     // whether it is the zero ID
//	func (id ID) Compare(other ID) int             // -1, 0 or 1, by the bytes
//	func (id ID) Less(other ID) bool               // whether id sorts before other
//	func (id ID) MarshalText() ([]byte, error)     // the digits of String; empty for the zero ID
//	func (id *ID) UnmarshalText(text []byte) error // reads the digits, or an empty text
//	func (id ID) MarshalBinary() ([]byte, error)   // the 16 bytes
//	func (id *ID) UnmarshalBinary(b []byte) error  // reads 16 bytes
//
// In JSON an ID is a string of these digits. In the arguments of events it is 16 bytes.
type ID = ident.ID

// ParseID parses the 32 hexadecimal digits that ID.String returns. It accepts capital
// letters. If the text is anything else, it returns an error.
func ParseID(text string) (ID, error) { return ident.Parse(text) }
