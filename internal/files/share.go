// Package files bounds what a process opens: the descriptors that connections of strangers may
// take, and the files that a configuration names.
package files

// Share returns how many descriptors one kind of connection may take: most, or less if the
// process may open few. parts is the part of all descriptors: 4 for a quarter. The shares of a
// program must leave some for its links.
func Share(most, parts int) int {
	limit, ok := descriptors()
	if !ok {
		return most
	}
	return max(1, int(min(uint64(most), limit/uint64(parts))))
}
