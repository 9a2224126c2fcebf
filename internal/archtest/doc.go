// Package archtest tests the architecture. It has no code besides its tests:
//
//   - A package imports only what its row in table_test.go allows, and the row says
//     why. Packages are ordered in floors. A package never imports one of a higher
//     floor.
//   - Floors 0 to 2 are pure: no goroutine, channel, clock or I/O, no random source
//     other than one passed in, and no order that depends on a map. The same code
//     runs on real connections and in the simulator, and a seed repeats a run.
//   - Comments and documents are plain English. prose_test.go counts phrases that a
//     reader must decode, and fails above a budget per 1,000 words.
//
// On the pure floors, each loop over a map has a comment, on its line or on the line
// above, that says why the order has no effect:
//
//	for id := range seen { // order does not matter: only counts
//
// If a package needs an import that its row does not allow, the same commit changes
// the row and its reason.
package archtest
