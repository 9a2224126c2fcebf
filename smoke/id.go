package smoke

import "github.com/smokesignal-go/smokesignal/ident"

// ID names one node. It is a value of 16 bytes: compare it with ==, use it as a
// key of a map, print it with String or, shortened, with Short. The zero ID
// means "not known".
type ID = ident.ID

// ParseID reads the 32 hexadecimal digits that [ID.String] writes.
func ParseID(text string) (ID, error) { return ident.Parse(text) }
