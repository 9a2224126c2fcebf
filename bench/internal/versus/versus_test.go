package versus

import (
	"math"
	"math/rand/v2"
	"testing"
)

// pairs returns n pairs whose ratio is near a value, measured on a machine that becomes slower
// from pair to pair.
func pairs(n int, ratio, noise float64) (list []Pair) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		speed := 1e6 / (1 + float64(i)/10)
		list = append(list, Pair{Old: speed, New: speed * ratio * (1 + noise*(rnd.Float64()-0.5))})
	}
	return list
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		what    string
		pairs   []Pair
		smaller bool
		pass    bool
	}{
		{"the same speed", pairs(15, 1, 0.05), false, true},
		{"a tenth slower", pairs(15, 0.9, 0.05), false, false},
		{"a tenth less CPU", pairs(15, 0.9, 0.05), true, true},
		{"a tenth more CPU", pairs(15, 1.1, 0.05), true, false},
		{"so noisy that nothing is known", pairs(15, 1, 1), false, false},
		{"nothing measured", nil, false, false},
		{"zero by zero", []Pair{{0, 0}}, false, false},
	} {
		v := Figure{Smaller: c.smaller, Floor: 0.95}.Judge(c.pairs)
		if v.Pass != c.pass {
			t.Errorf("%s: %+v, want pass %v", c.what, v, c.pass)
		}
		if again := (Figure{Smaller: c.smaller, Floor: 0.95}).Judge(c.pairs); again != v && !math.IsNaN(v.Ratio) {
			t.Errorf("%s: judged again: %+v, before %+v", c.what, again, v)
		}
	}
}

func TestALowerBoundIsBelowTheMedian(t *testing.T) {
	v := Figure{Floor: 0.95}.Judge(pairs(15, 1, 0.2))
	if v.Lower > v.Ratio || v.Lower < 0.9 {
		t.Errorf("got %+v", v)
	}
}

func TestMedian(t *testing.T) {
	values := []float64{3, 1, 2, 10}
	if m := median(values); m != 2.5 {
		t.Errorf("got %v", m)
	}
	if values[0] != 3 {
		t.Error("the values were reordered")
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}
