package emitter

// names keeps the names that only handlers of every name hear of, as strings,
// so that each takes memory once and not with every event. Names come from
// peers too, so it is bounded, and starts anew where it is full.
type names map[string]string

// manyNames bounds it. A guess: some 300 kB at the most.
const manyNames = 1024

// intern gives the name as a string.
func (n *names) intern(name []byte) string {
	if s, ok := (*n)[string(name)]; ok { // takes no memory for the string
		return s
	}
	if *n == nil {
		*n = make(names)
	}
	if len(*n) >= manyNames {
		clear(*n)
	}
	s := string(name)
	(*n)[s] = s
	return s
}
