package archtest

// proseRatchet holds the packages and documents that were over their budget when the
// check was written, each with its number of hits at that time. A number may sink and
// must not rise. The commit that rewrites a text lowers or removes its row. If a package
// is moved, its row moves with it, and if it is split, its number is divided.
//
// "PACKAGE" is the code of a package, and "PACKAGE tests" are its tests.
var proseRatchet = map[string]int{
	"smoke tests": 8,
}
