package emitter

// names stores strings for names that have only handlers of every name, so that each name
// is allocated once and not with every event. Peers can choose names too, so the map is
// bounded. If it is full, it is cleared.
type names map[string]string

// maxNames bounds the number of names. A guess: at most about 300 kB.
const maxNames = 1024

// intern returns the name as a string. It allocates the string only if it has none for
// that name.
func (n *names) intern(name []byte) string {
	if s, ok := (*n)[string(name)]; ok { // this lookup does not allocate
		return s
	}
	if *n == nil {
		*n = make(names)
	}
	if len(*n) >= maxNames {
		clear(*n)
	}
	s := string(name)
	(*n)[s] = s
	return s
}
