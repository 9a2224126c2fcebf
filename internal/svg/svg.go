// Package svg writes small drawings: text, rectangles, lines, circles and curves, and
// the axes of a plot.
//
// The unit is the pixel. Coordinates start at the upper left corner. Each text is
// anchored where it must fit, so no drawing depends on the fonts of its viewer.
package svg

import (
	"fmt"
	"math"
	"strings"
)

// Drawing is an SVG picture under construction. It is empty until the methods add to it.
// One goroutine at a time may use it.
type Drawing struct {
	Width, Height float64
	body          strings.Builder
}

// Point is a place in a drawing.
type Point struct{ X, Y float64 }

// Anchor says which part of a text stands at its coordinates.
type Anchor string

// The anchors of a text.
const (
	Left   Anchor = "start"
	Middle Anchor = "middle"
	Right  Anchor = "end"
)

// Faint is the colour of the lines of a grid.
const Faint = "#dddddd"

// Text writes a text. size is the height of its letters.
func (d *Drawing) Text(x, y float64, a Anchor, size int, text string) {
	fmt.Fprintf(&d.body, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d">`, x, y, a, size)
	d.escape(text)
}

// TextUp writes a text that reads upwards, centred at x and y.
func (d *Drawing) TextUp(x, y float64, size int, text string) {
	fmt.Fprintf(&d.body, `<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="%s" font-size="%d">`, x, y, Middle, size)
	d.escape(text)
}

// escape writes the inside of a text element and ends the element.
func (d *Drawing) escape(text string) {
	d.body.WriteString(escaper.Replace(text) + "</text>\n")
}

// escaper replaces what would begin markup.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Rect draws a filled rectangle. A negative width counts as 0.
func (d *Drawing) Rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(&d.body, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, math.Max(w, 0), h, colour)
}

// Line draws a straight line.
func (d *Drawing) Line(x1, y1, x2, y2, width float64, colour string) {
	fmt.Fprintf(&d.body, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, colour, width)
}

// Circle draws a filled circle.
func (d *Drawing) Circle(x, y, r float64, colour string) {
	fmt.Fprintf(&d.body, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", x, y, r, colour)
}

// Curve draws straight lines from point to point.
func (d *Drawing) Curve(points []Point, width float64, colour string) {
	d.body.WriteString(`<polyline points="`)
	for i, p := range points {
		if i > 0 {
			d.body.WriteByte(' ')
		}
		fmt.Fprintf(&d.body, "%.1f,%.1f", p.X, p.Y)
	}
	fmt.Fprintf(&d.body, `" fill="none" stroke="%s" stroke-width="%.1f"/>`+"\n", colour, width)
}

// Clip calls draw, and shows only what it draws inside the rectangle.
func (d *Drawing) Clip(x, y, w, h float64, draw func()) {
	fmt.Fprintf(&d.body, `<svg x="%.1f" y="%.1f" width="%.1f" height="%.1f" viewBox="%.1f %.1f %.1f %.1f">`+"\n", x, y, w, h, x, y, w, h)
	draw()
	d.body.WriteString("</svg>\n")
}

// Bytes returns the file. The background is white, because the page around it may be dark.
func (d *Drawing) Bytes() []byte {
	return fmt.Appendf(nil,
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" fill="#222222">`+"\n"+
			`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n%s</svg>\n",
		d.Width, d.Height, d.Width, d.Height, d.body.String())
}
