//go:build unix

package files

import "testing"

func TestAShareIsBounded(t *testing.T) {
	limit, ok := descriptors()
	if !ok || limit == 0 {
		t.Fatalf("the process may open %d files: %v", limit, ok)
	}
	if n := Share(1<<62, 4); uint64(n) != limit/4 {
		t.Errorf("a quarter of %d descriptors: %d", limit, n)
	}
	if n := Share(2, 4); n != 2 {
		t.Errorf("more than asked for: %d", n)
	}
}
