package report

import (
	"bytes"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// colours of contestants: ours warm, the ideals grey, others cold.
var colours = map[string]color.RGBA{
	"tree": {0x40, 0x40, 0x40, 0xff}, "tree-msgpack": {0x99, 0x99, 0x99, 0xff},
	"smoke": {0xd6, 0x27, 0x28, 0xff}, "smoke-typed": {0xff, 0x7f, 0x0e, 0xff},
	"nats": {0x1f, 0x77, 0xb4, 0xff}, "nats-cluster": {0x17, 0xbe, 0xcf, 0xff}, "nats-cluster-32": {0x9e, 0xda, 0xe5, 0xff},
	"redis": {0x2c, 0xa0, 0x2c, 0xff}, "memberlist": {0x94, 0x67, 0xbd, 0xff}, "memberlist-queue": {0xc5, 0xb0, 0xd5, 0xff},
}

// plot draws a section; nil where there is nothing to draw.
func (s *Section) plot() ([]byte, error) {
	switch {
	case s.Grid:
		return s.plotScale()
	case s.Workload == "flat":
		return s.plotRates()
	case s.Workload == "steady":
		return s.plotLatencies()
	}
	return nil, nil
}

func svg(p *plot.Plot, height vg.Length) ([]byte, error) {
	canvas := vgsvg.New(18*vg.Centimeter, height)
	p.Draw(draw.Crop(draw.New(canvas), 3*vg.Millimeter, -5*vg.Millimeter, 2*vg.Millimeter, -2*vg.Millimeter))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// rated are the rows that have a figure, best first.
func (s *Section) rated(name string, least bool) (rows []Row) {
	for _, r := range s.Rows {
		if r.Figures[name].Median > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		x, y := a.Figures[name].Median, b.Figures[name].Median
		if least {
			x, y = y, x
		}
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return rows
}

// decades gives an axis that begins and ends with a power of ten, and text for
// each.
func decades(axis *plot.Axis, least, most float64, format func(float64) string) {
	lo, hi := 1e-7, 1e-7
	for lo*10 <= least {
		lo *= 10
	}
	for hi < most {
		hi *= 10
	}
	axis.Min, axis.Max = lo, hi
	axis.Scale = plot.LogScale{}
	var ticks plot.ConstantTicks
	for v := lo; v <= hi*1.01; v *= 10 {
		ticks = append(ticks, plot.Tick{Value: v, Label: format(v)})
		for k := 2.0; k < 10 && v < hi*0.99; k++ {
			ticks = append(ticks, plot.Tick{Value: k * v})
		}
	}
	axis.Tick.Marker = ticks
}

// plotRates draws a bar for each system, on a logarithmic scale.
func (s *Section) plotRates() ([]byte, error) {
	rows := s.rated(load.Rate, false)
	if len(rows) == 0 {
		return nil, nil
	}
	slices.Reverse(rows) // the best on top
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %d nodes, %d bytes", s.Title, rows[0].N, rows[0].Size)
	p.X.Label.Text = "deliveries a second, logarithmic; the line is from the slowest to the fastest round"
	least, most := rows[0].Figures[load.Rate].Min, rows[len(rows)-1].Figures[load.Rate].Max
	decades(&p.X, least, most, number)
	var names []string
	for i, r := range rows {
		f, y := r.Figures[load.Rate], float64(i)
		if err := box(p, p.X.Min, f.Median, y, colours[r.Contestant]); err != nil {
			return nil, err
		}
		rounds, err := plotter.NewLine(plotter.XYs{{X: f.Min, Y: y}, {X: f.Max, Y: y}})
		if err != nil {
			return nil, err
		}
		rounds.Width = vg.Points(1)
		p.Add(rounds)
		names = append(names, r.Label())
	}
	p.Y.Min, p.Y.Max = -0.6, float64(len(rows))-0.4
	nameAxis(&p.Y, names)
	return svg(p, vg.Length(3+len(rows))*0.85*vg.Centimeter)
}

// box is one bar, from x = from to x = to around y.
func box(p *plot.Plot, from, to, y float64, c color.Color) error {
	const half = 0.32
	b, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: y - half}, {X: to, Y: y - half}, {X: to, Y: y + half}, {X: from, Y: y + half}})
	if err != nil {
		return err
	}
	b.Color, b.LineStyle.Width = c, 0
	p.Add(b)
	return nil
}

func nameAxis(axis *plot.Axis, names []string) {
	var ticks plot.ConstantTicks
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	axis.Tick.Marker = ticks
	axis.Tick.Length = 0
	axis.LineStyle.Width = 0
}

// plotScale draws deliveries by nodes for the smallest messages.
func (s *Section) plotScale() ([]byte, error) {
	smallest := 0
	for _, r := range s.Rows {
		if smallest == 0 || r.Size < smallest {
			smallest = r.Size
		}
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Deliveries a second, flat out, messages of %d bytes", smallest)
	p.X.Label.Text, p.Y.Label.Text = "nodes", "deliveries a second, logarithmic"
	points := make(map[string]plotter.XYs)
	var order []string
	least, most, last := 0.0, 0.0, 0.0
	ticks := map[int]bool{}
	for _, r := range s.Rows {
		rate := r.Figures[load.Rate].Median
		if r.Size != smallest || r.Window > 0 || rate == 0 {
			continue
		}
		if points[r.Contestant] == nil {
			order = append(order, r.Contestant)
		}
		points[r.Contestant] = append(points[r.Contestant], plotter.XY{X: float64(r.N), Y: rate})
		if least == 0 || rate < least {
			least = rate
		}
		most, last = max(most, rate), max(last, float64(r.N))
		ticks[r.N] = true
	}
	if len(order) == 0 {
		return nil, nil
	}
	decades(&p.Y, least, most, number)
	var marks plot.ConstantTicks
	for n := range ticks {
		marks = append(marks, plot.Tick{Value: float64(n), Label: fmt.Sprint(n)})
	}
	slices.SortFunc(marks, func(a, b plot.Tick) int { return int(a.Value - b.Value) })
	p.X.Tick.Marker = marks
	p.X.Min, p.X.Max = 0, last*1.02
	p.Add(plotter.NewGrid())
	for _, name := range order {
		line, dots, err := plotter.NewLinePoints(points[name])
		if err != nil {
			return nil, err
		}
		line.Color, dots.Color = colours[name], colours[name]
		line.Width, dots.Shape, dots.Radius = vg.Points(1.5), draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(line, dots)
		p.Legend.Add(name, line, dots)
	}
	p.X.Max = last * 1.35 // room for the legend
	p.Legend.Top = true
	return svg(p, 10*vg.Centimeter)
}

// plotLatencies draws each system's p50, p99, p99.9 and max on one line.
func (s *Section) plotLatencies() ([]byte, error) {
	rows := s.rated(load.P99, true)
	if len(rows) == 0 {
		return nil, nil
	}
	slices.Reverse(rows) // the quickest on top
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %d nodes, %d bytes", s.Title, rows[0].N, rows[0].Size)
	p.X.Label.Text = "p50 – p99 (bar), p99.9 (tick), max (circle) of the deliveries' latencies, logarithmic"
	least, most := rows[0].Figures[load.P50].Median, 0.0
	var names []string
	for _, r := range rows {
		least, most = min(least, r.Figures[load.P50].Median), max(most, r.Figures[load.Max].Median)
	}
	decades(&p.X, least, most, seconds)
	for i, r := range rows {
		at := func(name string) float64 { return r.Figures[name].Median }
		y, c := float64(i), colours[r.Contestant]
		if err := box(p, at(load.P50), at(load.P99), y, c); err != nil {
			return nil, err
		}
		for _, l := range []plotter.XYs{
			{{X: at(load.P99), Y: y}, {X: at(load.Max), Y: y}},
			{{X: at(load.P999), Y: y - 0.25}, {X: at(load.P999), Y: y + 0.25}},
		} {
			line, err := plotter.NewLine(l)
			if err != nil {
				return nil, err
			}
			line.Color, line.Width = c, vg.Points(1.5)
			p.Add(line)
		}
		dot, err := plotter.NewScatter(plotter.XYs{{X: at(load.Max), Y: y}})
		if err != nil {
			return nil, err
		}
		dot.Color, dot.Shape, dot.Radius = c, draw.CircleGlyph{}, vg.Points(3)
		p.Add(dot)
		names = append(names, r.Label())
	}
	p.Y.Min, p.Y.Max = -0.6, float64(len(rows))-0.4
	nameAxis(&p.Y, names)
	return svg(p, vg.Length(3+len(rows))*0.85*vg.Centimeter)
}
