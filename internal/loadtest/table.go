package loadtest

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
)

// WriteTable writes a result for people. Lines have at most 80 columns, except those with
// the addresses of faulty nodes.
func (r *Result) WriteTable(w io.Writer) error {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("nodes", "%d, of which %d receive", r.Nodes, r.Receivers)
	row("events", "%d of %d B in %s, after %d to warm up", r.Events, r.Size, short(r.Measured.Duration()), r.Warmup)
	if r.Offered > 0 {
		row("offered", "%s/s", number(r.Offered))
	} else {
		row("offered", "as many as Emit takes")
	}
	row("achieved", "%s/s", number(r.Achieved))
	row("deliveries", "%s/s over all receivers", number(r.Deliveries))
	row("received", "%s of %d, including the warm-up", percent(r.Percent), r.Expected)
	if r.Lost > 0 {
		row("lost", "%d, of which OnGap reported %d", r.Lost, r.Told)
	} else {
		row("lost", "0")
	}
	row("duplicates", "%d", r.Duplicates)
	row("out of order", "%d", r.OutOfOrder)
	row("corrupt", "%d", r.Corrupt)
	row("Emit", "p50 %s, p99 %s, max %s", short(r.Emit.P50.Duration()), short(r.Emit.P99.Duration()), short(r.Emit.Max.Duration()))
	row("", "%d calls of a millisecond or more, %s together", r.Emit.Slow, short(r.Emit.SlowSeconds.Duration()))
	if err := t.Flush(); err != nil {
		return err
	}
	out.WriteString("\n")
	r.writeLatency(&out)
	r.writeFaults(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Result) writeLatency(out *strings.Builder) {
	each := "each delivery"
	if r.Kind == RoundTrip {
		each = "each echo"
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tp50\tp90\tp99\tp99.9\tmax\tsamples\t\n", r.Kind)
	for _, line := range []struct {
		name string
		Latency
	}{{each, r.Latency}, {"the last of an event", r.Last}} {
		if line.Samples == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t", line.name)
		for _, s := range []Seconds{line.P50, line.P90, line.P99, line.P999, line.Max} {
			fmt.Fprintf(t, "%s\t", short(s.Duration()))
		}
		fmt.Fprintf(t, "%d\t\n", line.Samples)
	}
	t.Flush() // into memory: there is no error
	if r.Latency.Samples == 0 {
		out.WriteString("nothing was timed\n")
	}
	if r.Kind == RoundTrip {
		out.WriteString("There and back, from when an event was due to the handler of its echo.\n")
		out.WriteString("The two paths may differ in length, so half of it is not a latency.\n")
		if missing := r.Asked - min(r.Latency.Samples, r.Asked); missing > 0 {
			fmt.Fprintf(out, "%d of %d echoes did not come in time.\n", missing, r.Asked)
		}
	} else {
		out.WriteString("From when an event was due to the handler.\n")
		fmt.Fprintf(out, "All %d nodes run in one process and share its cores.\n", r.Nodes)
	}
}

// mostFaults limits how many faulty nodes the table lists.
const mostFaults = 10

func (r *Result) writeFaults(out *strings.Builder) {
	if r.Interrupted {
		out.WriteString("\nInterrupted: this is what was measured so far.\n")
	}
	if r.Good {
		return
	}
	out.WriteString("\nNOT GOOD\n")
	named, left := 0, 0
	for i := range r.Each {
		each := &r.Each[i]
		switch {
		case each.IsGood():
		case named == mostFaults:
			left++
		default:
			named++
			fmt.Fprintf(out, "  %s: %s\n", each.name, each.fault())
		}
	}
	if left > 0 {
		fmt.Fprintf(out, "  and %d more\n", left)
	}
}

// fault describes the faults of a receiver's results.
func (r *Received) fault() string {
	if r.NoReport != "" {
		return r.NoReport
	}
	return faults(r.Lost, r.Duplicates, r.OutOfOrder, r.Corrupt)
}

// Verdict summarizes the run in one line.
func (r *Run) Verdict() string {
	if wrong := faults(r.Lost(), r.Duplicates, r.OutOfOrder, r.Corrupt); wrong != "" {
		return fmt.Sprintf("%d of %d received; %s", r.Received, r.Events, wrong)
	}
	return fmt.Sprintf("all %d received", r.Events)
}

// faults lists the numbers that are not zero. It returns "" if all numbers are zero.
func faults(lost, duplicates, outOfOrder, corrupt uint64) string {
	var list []string
	for _, f := range []struct {
		count uint64
		what  string
	}{{lost, "lost"}, {duplicates, "duplicates"}, {outOfOrder, "out of order"}, {corrupt, "corrupt"}} {
		if f.count > 0 {
			list = append(list, fmt.Sprintf("%d %s", f.count, f.what))
		}
	}
	return strings.Join(list, ", ")
}

// short formats a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d == histogram.Shortest:
		return fmt.Sprintf("≤%d µs", d.Microseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// number formats a rate.
func number(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// percent formats a percentage and never rounds up: only a complete result is 100 %.
func percent(x float64) string {
	return fmt.Sprintf("%.6g %%", math.Floor(x*1e4)/1e4)
}
