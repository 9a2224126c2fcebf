//go:build race

package smoke_test

// raced is true under the race detector. Some tests then do fewer rounds.
const raced = true
