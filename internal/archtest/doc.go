// Package archtest holds the walls between the packages. It has no code but its
// tests, which fail when a wall has a hole:
//
//   - A package imports only what the table in table_test.go lets it have, and
//     each row of the table says why. Packages stand on floors; nobody reaches
//     up.
//   - Floors 0 to 2 are pure: no goroutine, no channel, no clock, no random
//     source but one that was handed in, no I/O, and no order that comes from a
//     map. So the same code runs on real connections and in the simulator, and
//     a run is repeated from its seed.
//
// On the pure floors, a loop over a map says on its line (or on the line above)
// why its order has no effect:
//
//	for id := range seen { // order does not matter: only counts
//
// Who needs more than the table gives changes the table, and says why.
package archtest
