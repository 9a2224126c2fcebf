package impure

import (
	"maps"
	"slices"
)

type set map[string]bool

func order(s set) (out []string) {
	for k := range s { // want "random order"
		out = append(out, k)
	}
	// order does not matter:
	for k := range s { // want "random order"
		out = append(out, k)
	}
	for k := range maps.Keys(s) { // want "maps.Keys goes through a map"
		out = append(out, k)
	}
	return slices.Collect(maps.Keys(s)) // want "maps.Keys goes through a map"
}
