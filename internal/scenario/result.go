package scenario

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Number is a measured value. It is infinite for something that never happened ("never" in
// JSON), and NaN if there is no value (null in JSON).
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte("null"), nil
	case math.IsInf(f, 0):
		return []byte(`"never"`), nil
	default:
		return json.Marshal(f)
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "null":
		*n = None
		return nil
	case `"never"`:
		*n = Never
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

// Never is the duration of something that did not happen.
var Never = Number(math.Inf(1))

// None is a missing number, for example where a figure has no pass mark.
var None = Number(math.NaN())

// Figure is one measured value.
type Figure struct {
	Name string `json:"name"` // unique within a result
	Is   Number `json:"is"`
	Unit string `json:"unit,omitempty"` // "s" for durations, "%"
	Mark Number `json:"mark"`           // the pass mark, if there is one
	More bool   `json:"more,omitempty"` // the mark is the least allowed value, not the most
	Good bool   `json:"good"`           // the value meets the mark
	Note string `json:"note,omitempty"` // an example of what went wrong
}

// Format formats a number with its significant digits.
func Format(n Number, unit string) string {
	x := float64(n)
	switch {
	case math.IsNaN(x):
		return ""
	case math.IsInf(x, 0):
		return "never"
	case unit == "s" && x == 0:
		return "0 s"
	case unit == "s" && x < 1:
		return fmt.Sprintf("%.0f ms", 1000*x)
	case unit == "s" && x < 120:
		return fmt.Sprintf("%.2f s", x)
	case unit == "s":
		return time.Duration(x * float64(time.Second)).Round(time.Second).String()
	case unit == "%":
		return fmt.Sprintf("%.6g %%", x)
	case math.Abs(x) >= 1000:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}

// MarkText returns the pass mark as a table shows it, such as "≤ 2.00 s". It is empty if
// there is no mark.
func (f Figure) MarkText() string {
	text := Format(f.Mark, f.Unit)
	switch {
	case text == "":
		return ""
	case f.More:
		return "≥ " + text
	}
	return "≤ " + text
}

// Sample is the state of the network at one moment, for a plot.
type Sample struct {
	At         float64 `json:"at"` // virtual seconds
	Nodes      int     `json:"nodes"`
	Components int     `json:"components"`
	Emitted    float64 `json:"emitted"`    // events a second
	Delivered  float64 `json:"delivered"`  // events a second for each living node
	Redundancy float64 `json:"redundancy"` // duplicates for each event delivered
	Frames     float64 `json:"frames"`     // a second for each living node
}

// Result is the result of one run.
type Result struct {
	Seed    uint64   `json:"seed"`
	Figures []Figure `json:"figures"`
	Broken  string   `json:"broken,omitempty"` // the promise that was broken
	Hash    string   `json:"hash"`             // of all actions of all nodes
	Steps   uint64   `json:"steps"`
	Virtual float64  `json:"virtualSeconds"`
	Samples []Sample `json:"samples,omitempty"`
}

// IsGood reports whether no promise was broken and no mark missed.
func (r *Result) IsGood() bool {
	return r.Broken == "" && !slices.ContainsFunc(r.Figures, func(f Figure) bool { return !f.Good })
}

// add adds a figure. If its name is taken, the figure gets another one.
func (r *Result) add(f Figure) {
	name := f.Name
	for n := 2; slices.ContainsFunc(r.Figures, func(x Figure) bool { return x.Name == f.Name }); n++ {
		f.Name = fmt.Sprintf("%s (%d)", name, n)
	}
	r.Figures = append(r.Figures, f)
}

// Summary is one figure of several runs. Its Figure is that of the worst run.
type Summary struct {
	Figure
	Median Number `json:"median"`
	Runs   int    `json:"runs"`
}

// Summarize combines the figures of several runs of one spec.
func Summarize(results []*Result) (list []Summary) {
	values := make(map[string][]Number)
	for _, r := range results {
		for _, f := range r.Figures {
			values[f.Name] = append(values[f.Name], f.Is)
			at := slices.IndexFunc(list, func(s Summary) bool { return s.Name == f.Name })
			if at < 0 {
				list = append(list, Summary{Figure: f})
				continue
			}
			if s := &list[at]; f.More && f.Is < s.Is || !f.More && f.Is > s.Is || s.Good && !f.Good {
				s.Figure = f
			}
		}
	}
	for i := range list {
		all := values[list[i].Name]
		slices.Sort(all)
		list[i].Runs = len(all)
		list[i].Median = (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return list
}
