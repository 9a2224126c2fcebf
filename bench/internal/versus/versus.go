// Package versus compares an old and a new version of one program by pairs of measurements. The
// two measurements of a pair follow one another directly, so anything that slows the machine
// down slows both, and only their ratio counts.
package versus

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Figure is one figure by which two versions are compared.
type Figure struct {
	Title    string
	Name     string                 // the name of the figure in a measurement
	Workload string                 // the workload of the measurement
	Smaller  bool                   // a smaller value is better
	Format   func(v float64) string // formats a value
	Floor    float64                // the figure passes if the lower bound of the ratio is at least Floor
}

// Pair holds the values of one figure in one pair.
type Pair struct{ Old, New float64 }

// Verdict is the outcome for one figure.
type Verdict struct {
	Pairs    int
	Old, New float64 // medians of the values
	Ratio    float64 // median of new to old; larger is better, also where Smaller is set
	Lower    float64 // lower end of the 90 % bootstrap interval of Ratio
	Pass     bool
}

// resamples is the number of bootstrap samples: the usual 10,000 (Efron and Tibshirani, An
// Introduction to the Bootstrap, chapter 13, asks for 1,000 or more).
const resamples = 10_000

// lowerShare is the share of bootstrap medians below the lower end of a 90 % interval.
const lowerShare = 0.05

// Judge compares the pairs of one figure. The verdict depends on the pairs only. Without
// any pair, the figure does not pass.
func (f Figure) Judge(pairs []Pair) Verdict {
	v := Verdict{Pairs: len(pairs)}
	if len(pairs) == 0 {
		return v
	}
	var olds, news, ratios []float64
	for _, p := range pairs {
		olds, news = append(olds, p.Old), append(news, p.New)
		ratio := p.New / p.Old
		if f.Smaller {
			ratio = p.Old / p.New
		}
		ratios = append(ratios, ratio)
	}
	v.Old, v.New, v.Ratio = median(olds), median(news), median(ratios)
	v.Lower = lowerBound(ratios)
	v.Pass = v.Lower >= f.Floor // false for NaN
	return v
}

// lowerBound draws bootstrap samples and returns the lower end of the interval of
// their medians. The seed is fixed, so that the same pairs get the same verdict.
func lowerBound(ratios []float64) float64 {
	rnd := rand.New(rand.NewPCG(1, 2))
	medians := make([]float64, resamples)
	sample := make([]float64, len(ratios))
	for i := range medians {
		for j := range sample {
			sample[j] = ratios[rnd.IntN(len(ratios))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	return medians[int(math.Floor(lowerShare*resamples))]
}

// median returns the median of the values, or NaN if there are none. It does not sort
// values itself.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
