package main

import (
	"math"
	"os"
	"strconv"

	"github.com/smokesignal-go/smokesignal/internal/scenario"
	"github.com/smokesignal-go/smokesignal/internal/svg"
)

// panel is one of the plots in a picture. They share the axis of time.
type panel struct {
	label  string
	curves []curve
	most   float64 // the top of its axis; 0: the greatest value
	whole  bool    // ticks stand at whole numbers only
}

// curve is one figure of the samples.
type curve struct {
	colour string
	value  func(scenario.Sample) float64
}

const (
	blue   = "#1f77b4"
	orange = "#ff7f0e"
)

// The layout of the picture, in pixels.
const (
	plotWidth   = 680.0
	plotLeft    = 64.0
	plotRight   = 660.0
	plotTop     = 36.0
	panelHeight = 190.0
	panelGap    = 62.0 // between two panels, for the axis of time
	plotTicks   = 6    // at most, on each axis
)

// drawPlot draws a run over virtual time: what was delivered, how many components the
// network had, and how often an event arrived again.
func drawPlot(path string, r *scenario.Result) error {
	panels := []panel{
		{label: "events a second", curves: []curve{
			{orange, func(s scenario.Sample) float64 { return s.Emitted }},
			{blue, func(s scenario.Sample) float64 { return s.Delivered }},
		}},
		{label: "components", most: mostComponents(r), whole: true, curves: []curve{
			{blue, func(s scenario.Sample) float64 { return float64(s.Components) }},
		}},
		{label: "copies beyond the first", curves: []curve{
			{blue, func(s scenario.Sample) float64 { return s.Redundancy }},
		}},
	}
	d := &svg.Drawing{Width: plotWidth, Height: plotTop + float64(len(panels))*(panelHeight+panelGap)}
	d.Text((plotLeft+plotRight)/2, 22, svg.Middle, 15, "orange: emitted; blue: delivered to a node") // a legend would cover the lines
	for i, p := range panels {
		p.draw(d, plotTop+float64(i)*(panelHeight+panelGap), r.Samples)
	}
	return os.WriteFile(path, d.Bytes(), 0o644)
}

// mostComponents returns the top of the axis of components. While a network forms, each
// node is a component; an axis for that number would hide everything else.
func mostComponents(r *scenario.Result) float64 {
	most := 1
	for _, s := range r.Samples {
		if s.At > 1 {
			most = max(most, s.Components)
		}
	}
	return float64(most) + 1
}

// draw draws the panel below top.
func (p panel) draw(d *svg.Drawing, top float64, samples []scenario.Sample) {
	bottom := top + panelHeight
	x := svg.Axis{Most: greatest(samples, func(s scenario.Sample) float64 { return s.At }), From: plotLeft, To: plotRight}
	y := svg.Axis{Most: p.most, From: bottom, To: top}
	for _, c := range p.curves {
		if p.most == 0 {
			y.Most = max(y.Most, greatest(samples, c.value))
		}
	}
	for _, v := range x.Ticks(plotTicks) {
		d.Line(x.At(v), top, x.At(v), bottom+5, 1, svg.Faint)
		d.Text(x.At(v), bottom+19, svg.Middle, 12, tick(v))
	}
	for _, v := range y.Ticks(plotTicks) {
		if p.whole && v != math.Trunc(v) {
			continue
		}
		d.Line(plotLeft-5, y.At(v), plotRight, y.At(v), 1, svg.Faint)
		d.Text(plotLeft-9, y.At(v)+4, svg.Right, 12, tick(v))
	}
	d.Text((plotLeft+plotRight)/2, bottom+38, svg.Middle, 14, "virtual time, s")
	d.TextUp(18, (top+bottom)/2, 14, p.label)
	d.Clip(plotLeft-1, top-1, plotRight-plotLeft+2, panelHeight+2, func() {
		for _, c := range p.curves {
			points := make([]svg.Point, len(samples))
			for i, s := range samples {
				points[i] = svg.Point{X: x.At(s.At), Y: y.At(c.value(s))}
			}
			d.Curve(points, 1.3, c.colour)
		}
	})
}

// greatest returns the greatest value of the samples, or 1 if all are 0.
func greatest(samples []scenario.Sample, value func(scenario.Sample) float64) (most float64) {
	for _, s := range samples {
		most = max(most, value(s))
	}
	if most == 0 {
		return 1
	}
	return most
}

// tick formats the value of a tick without floating-point noise.
func tick(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
