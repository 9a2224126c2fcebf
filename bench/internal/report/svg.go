package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// drawing is an SVG under construction, in pixels from the upper left. Text is
// anchored where it must fit, so that nothing depends on the viewer's fonts.
type drawing struct {
	body          strings.Builder
	width, height float64
}

// colours of contestants: the ideals grey, ours warm, the others cold.
var colours = map[string]string{
	"tree": "#404040", "tree-msgpack": "#999999",
	"smoke": "#d62728", "smoke-typed": "#ff7f0e", "smoke-tls": "#8c564b",
	"nats": "#1f77b4", "nats-cluster": "#17a2b8", "nats-cluster-32": "#8fd3e0",
	"redis": "#2ca02c", "memberlist": "#9467bd", "memberlist-queue": "#c5b0d5",
}

const faint = "#dddddd"

type anchor string

const (
	left   anchor = "start"
	middle anchor = "middle"
	right  anchor = "end"
)

func (d *drawing) text(x, y float64, a anchor, size int, text string) {
	fmt.Fprintf(&d.body, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d">`, x, y, a, size)
	xml.EscapeText(&d.body, []byte(text)) // a strings.Builder takes everything
	d.body.WriteString("</text>\n")
}

func (d *drawing) rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(&d.body, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, math.Max(w, 0), h, colour)
}

func (d *drawing) line(x1, y1, x2, y2, width float64, colour string) {
	fmt.Fprintf(&d.body, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, colour, width)
}

func (d *drawing) circle(x, y, r float64, colour string) {
	fmt.Fprintf(&d.body, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", x, y, r, colour)
}

// svg gives the whole, on white: pages may be dark.
func (d *drawing) svg() []byte {
	return fmt.Appendf(nil,
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" fill="#222222">`+"\n"+
			`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n%s</svg>\n",
		d.width, d.height, d.width, d.height, d.body.String())
}

// logAxis maps values to pixels, by their logarithms. Both ends are powers of ten.
type logAxis struct {
	least, most float64 // values
	from, to    float64 // pixels
}

// newLogAxis makes one that holds all values from least to most, which are more
// than zero.
func newLogAxis(least, most, from, to float64) logAxis {
	lo, hi := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if lo == hi {
		hi++
	}
	return logAxis{math.Pow(10, lo), math.Pow(10, hi), from, to}
}

func (a logAxis) at(value float64) float64 {
	share := math.Log10(value/a.least) / math.Log10(a.most/a.least)
	return a.from + share*(a.to-a.from)
}

// decades are the powers of ten on the axis.
func (a logAxis) decades() (list []float64) {
	for v := a.least; v < a.most*1.5; v *= 10 {
		list = append(list, v)
	}
	return list
}
