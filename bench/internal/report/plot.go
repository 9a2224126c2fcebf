package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
	"github.com/smokesignal-go/smokesignal/internal/svg"
)

// Sizes that all plots share, in pixels.
const (
	plotWidth = 760.0
	nameWidth = 190.0 // of the names on the left
	endWidth  = 90.0  // of the figures on the right
	rowHeight = 26.0
	headSpace = 44.0 // of the title
	footSpace = 52.0 // of the axis
)

// plot draws a section. It returns nil if there is nothing to draw.
func (s *Section) plot() []byte {
	switch {
	case s.Grid:
		return s.plotScale()
	case s.Workload == "flat":
		return s.plotRates()
	case s.Workload == "steady":
		return s.plotLatencies()
	}
	return nil
}

// sorted returns the rows that have a figure, the smallest first.
func (s *Section) sorted(name string) (rows []Row) {
	for _, r := range s.Rows {
		if r.Figures[name].Median > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Figures[name].Median, b.Figures[name].Median) })
	return rows
}

// rowsOf starts a drawing with a row for each contestant, and a logarithmic axis below. It calls
// draw for each row, with the y of its middle.
func (s *Section) rowsOf(rows []Row, least, most float64, format func(float64) string, legend string, draw func(d *svg.Drawing, x svg.LogAxis, y float64, r Row)) []byte {
	d := &svg.Drawing{Width: plotWidth, Height: headSpace + rowHeight*float64(len(rows)) + footSpace}
	x := svg.NewLogAxis(least, most, nameWidth, plotWidth-endWidth)
	bottom := d.Height - footSpace
	d.Text(plotWidth/2, 24, svg.Middle, 16, fmt.Sprintf("%s: %d nodes, %s", s.Title, rows[0].N, bytesText(rows[0].Size)))
	for _, v := range x.Decades() {
		d.Line(x.At(v), headSpace-4, x.At(v), bottom, 1, svg.Faint)
		d.Text(x.At(v), bottom+16, svg.Middle, 12, format(v))
	}
	for i, r := range rows {
		y := headSpace + rowHeight*(float64(i)+0.5)
		d.Text(nameWidth-8, y+4, svg.Right, 13, r.Label())
		draw(d, x, y, r)
	}
	d.Text(plotWidth/2, d.Height-12, svg.Middle, 12, legend)
	return d.Bytes()
}

// plotRates draws a bar for each system, the fastest on top.
func (s *Section) plotRates() []byte {
	rows := s.sorted(load.Rate)
	if len(rows) == 0 {
		return nil
	}
	slices.Reverse(rows)
	least, most := math.Inf(1), 0.0
	for _, r := range rows {
		f := r.Figures[load.Rate]
		least, most = min(least, f.Min), max(most, f.Max)
	}
	return s.rowsOf(rows, max(least, 1), most, short(number),
		"deliveries a second, logarithmic; bar and number: median, line: from the slowest round to the fastest",
		func(d *svg.Drawing, x svg.LogAxis, y float64, r Row) {
			f := r.Figures[load.Rate]
			d.Rect(x.From, y-8, x.At(f.Median)-x.From, 16, colours[r.Contestant])
			d.Line(x.At(max(f.Min, 1)), y, x.At(f.Max), y, 2, "#000000")
			d.Text(max(x.At(f.Max), x.At(f.Median))+6, y+4, svg.Left, 12, number(f.Median))
		})
}

// plotLatencies draws the distribution of each system, the fastest on top.
func (s *Section) plotLatencies() []byte {
	rows := s.sorted(load.P99)
	if len(rows) == 0 {
		return nil
	}
	least, most := math.Inf(1), 0.0
	for _, r := range rows {
		least, most = min(least, r.Figures[load.P50].Median), max(most, r.Figures[load.Max].Median)
	}
	return s.rowsOf(rows, least, most, short(seconds),
		"latency of a delivery, logarithmic; bar: p50 to p99, number: p99, stroke: p99.9, dot: the longest",
		func(d *svg.Drawing, x svg.LogAxis, y float64, r Row) {
			at := func(name string) float64 { return x.At(r.Figures[name].Median) }
			colour := colours[r.Contestant]
			d.Rect(at(load.P50), y-8, at(load.P99)-at(load.P50), 16, colour)
			d.Line(at(load.P99), y, at(load.Max), y, 2, colour)
			d.Line(at(load.P999), y-7, at(load.P999), y+7, 2, colour)
			d.Circle(at(load.Max), y, 4, colour)
			d.Text(at(load.Max)+8, y+4, svg.Left, 12, seconds(r.Figures[load.P99].Median))
		})
}

// plotScale draws deliveries by number of nodes, for the smallest messages.
func (s *Section) plotScale() []byte {
	type point struct{ n, rate float64 }
	lines := make(map[string][]point)
	var names []string
	var ns []float64
	least, most, smallest := math.Inf(1), 0.0, math.MaxInt
	for _, r := range s.Rows {
		smallest = min(smallest, r.Size)
	}
	for _, r := range s.Rows {
		rate := r.Figures[load.Rate].Median
		if r.Size != smallest || r.Window > 0 || rate == 0 {
			continue
		}
		if lines[r.Contestant] == nil {
			names = append(names, r.Contestant)
		}
		lines[r.Contestant] = append(lines[r.Contestant], point{float64(r.N), rate})
		if !slices.Contains(ns, float64(r.N)) {
			ns = append(ns, float64(r.N))
		}
		least, most = min(least, rate), max(most, rate)
	}
	if len(names) == 0 {
		return nil
	}
	const from, to, top = 80.0, plotWidth - 150, headSpace
	d := &svg.Drawing{Width: plotWidth, Height: 400}
	bottom := d.Height - footSpace
	y := svg.NewLogAxis(least, most, bottom, top)
	across := func(n float64) float64 { // logarithmic, so that 8, 32 and 100 have about equal distances
		first, last := slices.Min(ns), slices.Max(ns)
		if first == last {
			return (from + to) / 2
		}
		return from + 20 + math.Log(n/first)/math.Log(last/first)*(to-from-40)
	}
	d.Text(plotWidth/2, 24, svg.Middle, 16, "Deliveries a second, flat out, by nodes: messages of "+bytesText(smallest))
	for _, v := range y.Decades() {
		d.Line(from, y.At(v), to, y.At(v), 1, svg.Faint)
		d.Text(from-8, y.At(v)+4, svg.Right, 12, short(number)(v))
	}
	for _, n := range ns {
		d.Line(across(n), top, across(n), bottom, 1, svg.Faint)
		d.Text(across(n), bottom+16, svg.Middle, 12, fmt.Sprint(n))
	}
	d.Text((from+to)/2, d.Height-12, svg.Middle, 12, "nodes; both axes are logarithmic")
	// Names stand at the ends of their lines and do not overlap.
	end := func(name string) float64 { return y.At(lines[name][len(lines[name])-1].rate) }
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(end(a), end(b)) })
	free := 0.0
	for _, name := range names {
		points := lines[name]
		for i, p := range points {
			d.Circle(across(p.n), y.At(p.rate), 4, colours[name])
			if i > 0 {
				d.Line(across(points[i-1].n), y.At(points[i-1].rate), across(p.n), y.At(p.rate), 2, colours[name])
			}
		}
		at := max(end(name)+4, free)
		free = at + 16
		d.Rect(to+6, at-9, 10, 10, colours[name])
		d.Text(to+22, at, svg.Left, 13, name)
	}
	return d.Bytes()
}
