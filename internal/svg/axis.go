package svg

import "math"

// Axis maps the values from Least to Most to the pixels between From and To.
type Axis struct {
	Least, Most float64 // values
	From, To    float64 // pixels; From may be the greater one
}

// At returns the pixel of a value.
func (a Axis) At(value float64) float64 {
	return a.From + (value-a.Least)/(a.Most-a.Least)*(a.To-a.From)
}

// Ticks returns the round values of the axis, at most n+1: multiples of 1, 2 or 5 times a
// power of ten.
func (a Axis) Ticks(n int) (list []float64) {
	step := roundUp((a.Most - a.Least) / float64(n))
	for i := math.Ceil(a.Least / step); i*step <= a.Most*(1+1e-9); i++ {
		list = append(list, i*step)
	}
	return list
}

// roundUp rounds x up to 1, 2 or 5 times a power of ten. x must be more than zero.
func roundUp(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// LogAxis maps values to pixels by their logarithms. Both ends are powers of ten.
type LogAxis struct {
	Least, Most float64 // values
	From, To    float64 // pixels; From may be the greater one
}

// NewLogAxis returns an axis that holds all values from least to most, which are more
// than zero.
func NewLogAxis(least, most, from, to float64) LogAxis {
	lo, hi := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if lo == hi {
		hi++
	}
	return LogAxis{math.Pow(10, lo), math.Pow(10, hi), from, to}
}

// At returns the pixel of a value.
func (a LogAxis) At(value float64) float64 {
	share := math.Log10(value/a.Least) / math.Log10(a.Most/a.Least)
	return a.From + share*(a.To-a.From)
}

// Decades returns the powers of ten on the axis.
func (a LogAxis) Decades() (list []float64) {
	for v := a.Least; v < a.Most*1.5; v *= 10 {
		list = append(list, v)
	}
	return list
}
