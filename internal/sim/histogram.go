package sim

import "github.com/smokesignal-go/smokesignal/internal/histogram"

// Histogram counts durations. The zero value is empty and ready for use.
type Histogram = histogram.Histogram
