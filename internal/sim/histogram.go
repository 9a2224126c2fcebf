package sim

import "github.com/smokesignal-go/smokesignal/internal/histogram"

// Histogram counts durations. Its zero value is empty and ready.
type Histogram = histogram.Histogram
