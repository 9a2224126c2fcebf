//go:build fast

package impure // want "left out on some systems"
