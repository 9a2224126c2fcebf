package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

var (
	blue   = color.RGBA{0x1f, 0x77, 0xb4, 0xff}
	orange = color.RGBA{0xff, 0x7f, 0x0e, 0xff}
)

// drawPlot draws what happened in a run over virtual time: what was delivered,
// how the network hung together, and how often an event came twice.
func drawPlot(path string, r *scenario.Result) error {
	panels := [][]*plot.Plot{{deliveryPanel(r)}, {componentsPanel(r)}, {redundancyPanel(r)}}
	for _, row := range panels {
		row[0].X.Label.Text = "virtual time, s"
		row[0].Add(plotter.NewGrid())
	}
	canvas := vgsvg.New(18*vg.Centimeter, 21*vg.Centimeter)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: 4 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadBottom: 2 * vg.Millimeter, PadLeft: 2 * vg.Millimeter, PadRight: 4 * vg.Millimeter}
	for i, row := range plot.Align(panels, tiles, draw.New(canvas)) {
		panels[i][0].Draw(row[0])
	}
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	return os.WriteFile(path, svg.Bytes(), 0o644)
}

func deliveryPanel(r *scenario.Result) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text = "events a second"
	p.Title.Text = "orange: emitted; blue: delivered to a node" // a legend lies on the lines
	line(p, r, orange, func(s scenario.Sample) float64 { return s.Emitted })
	line(p, r, blue, func(s scenario.Sample) float64 { return s.Delivered })
	return p
}

func componentsPanel(r *scenario.Result) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text = "components"
	p.Y.Min = 0
	line(p, r, blue, func(s scenario.Sample) float64 { return float64(s.Components) })
	// While a network forms, each node is a component; that would hide the rest.
	most := 1
	for _, s := range r.Samples {
		if s.At > 1 {
			most = max(most, s.Components)
		}
	}
	p.Y.Max = float64(most) + 1
	return p
}

func redundancyPanel(r *scenario.Result) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text = "copies beyond the first"
	p.Y.Min = 0
	line(p, r, blue, func(s scenario.Sample) float64 { return s.Redundancy })
	return p
}

func line(p *plot.Plot, r *scenario.Result, c color.Color, y func(scenario.Sample) float64) {
	points := make(plotter.XYs, len(r.Samples))
	for i, s := range r.Samples {
		points[i].X, points[i].Y = s.At, y(s)
	}
	l := &plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: c, Width: vg.Points(1)}}
	p.Add(l)
}
