//go:build !unix

package files

const (
	nonBlocking = 0
	hasModes    = false
)

func descriptors() (uint64, bool) { return 0, false }
