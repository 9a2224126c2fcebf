//go:build !race

package smoke_test

const raced = false
