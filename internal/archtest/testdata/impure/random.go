package impure

import (
	system "crypto/rand" // want "imports crypto/rand"
	"math/rand/v2"
)

var shared = rand.New(rand.NewPCG(1, 2)) // want "keeps a random source for the whole process"

func draw() int {
	_, _ = system.Read(nil)
	rand.Shuffle(0, nil)                 // want "rand.Shuffle draws from the random source of the process"
	return rand.IntN(6) + shared.IntN(6) // want "rand.IntN draws"
}
