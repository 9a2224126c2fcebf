//go:build race

package smoke_test

// raced is true under the race detector, where stories tell fewer rounds.
const raced = true
