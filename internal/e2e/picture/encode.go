package main

import (
	"cmp"
	"image"
	"image/color"
	"image/gif"
	"io"
	"slices"
	"time"
)

// frame is one screenshot.
type frame struct {
	picture *image.RGBA
	at      time.Time     // of the screenshot
	shown   time.Duration // how long it stays
}

// colours is the number of colours in the palette of a GIF, in addition to the transparent
// one.
const colours = 255

// encode writes frames as a GIF that plays again and again. All frames have one palette.
// Each frame holds only the rectangle that differs from the one before, and in it only
// the pixels that differ.
func encode(w io.Writer, frames []frame) error {
	palette := paletteOf(frames)
	nearest := make(map[color.RGBA]uint8)
	index := func(c color.RGBA) uint8 {
		i, known := nearest[c]
		if !known {
			i = uint8(palette[:colours].Index(c))
			nearest[c] = i
		}
		return i
	}
	film := &gif.GIF{Config: image.Config{
		ColorModel: palette, Width: frames[0].picture.Rect.Dx(), Height: frames[0].picture.Rect.Dy(),
	}}
	var before *image.Paletted
	for _, f := range frames {
		whole := image.NewPaletted(f.picture.Rect, palette)
		for y := f.picture.Rect.Min.Y; y < f.picture.Rect.Max.Y; y++ {
			for x := f.picture.Rect.Min.X; x < f.picture.Rect.Max.X; x++ {
				whole.SetColorIndex(x, y, index(f.picture.RGBAAt(x, y)))
			}
		}
		film.Image = append(film.Image, difference(before, whole))
		film.Delay = append(film.Delay, int(f.shown/(10*time.Millisecond)))
		film.Disposal = append(film.Disposal, gif.DisposalNone)
		before = whole
	}
	return gif.EncodeAll(w, film)
}

// paletteOf returns the most frequent colours of all frames, and a transparent one last.
func paletteOf(frames []frame) color.Palette {
	count := make(map[color.RGBA]int)
	for _, f := range frames {
		for i := 0; i < len(f.picture.Pix); i += 4 {
			p := f.picture.Pix[i : i+4 : i+4]
			count[color.RGBA{p[0], p[1], p[2], 0xff}]++
		}
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := make(color.Palette, 0, colours+1)
	for _, c := range all[:min(colours, len(all))] {
		palette = append(palette, c)
	}
	for len(palette) < colours {
		palette = append(palette, color.RGBA{A: 0xff})
	}
	return append(palette, color.RGBA{})
}

// difference returns the part of a frame that differs from the frame before, with all
// pixels transparent that do not. There is none before the first frame.
func difference(before, now *image.Paletted) *image.Paletted {
	if before == nil {
		return now
	}
	var changed image.Rectangle
	for y := now.Rect.Min.Y; y < now.Rect.Max.Y; y++ {
		for x := now.Rect.Min.X; x < now.Rect.Max.X; x++ {
			if now.ColorIndexAt(x, y) != before.ColorIndexAt(x, y) {
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if changed.Empty() {
		changed = image.Rectangle{now.Rect.Min, now.Rect.Min.Add(image.Pt(1, 1))} // a frame needs a pixel
	}
	part := image.NewPaletted(changed, now.Palette)
	for y := changed.Min.Y; y < changed.Max.Y; y++ {
		for x := changed.Min.X; x < changed.Max.X; x++ {
			i := now.ColorIndexAt(x, y)
			if i == before.ColorIndexAt(x, y) {
				i = colours
			}
			part.SetColorIndex(x, y, i)
		}
	}
	return part
}
