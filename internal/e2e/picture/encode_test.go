package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"os"
	"testing"
	"time"
)

// dot draws a square of a colour on a white ground.
func dot(x, y int, c color.RGBA) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, 40, 30))
	draw.Draw(p, p.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(p, image.Rect(x, y, x+5, y+5), image.NewUniform(c), image.Point{}, draw.Src)
	return p
}

// TestThePictureShowsEachFrame draws the parts one over another, as a viewer does. Each
// recorded frame must appear, for as long as it was shown.
func TestThePictureShowsEachFrame(t *testing.T) {
	red, blue := color.RGBA{0xc2, 0x2f, 0x2a, 0xff}, color.RGBA{0x1f, 0x6f, 0xc2, 0xff}
	frames := []frame{
		{picture: dot(0, 0, red), shown: 250 * time.Millisecond},
		{picture: dot(10, 10, red), shown: 300 * time.Millisecond},
		{picture: dot(10, 10, red), shown: 310 * time.Millisecond}, // nothing changes
		{picture: dot(35, 25, blue), shown: 2 * time.Second},
	}
	var film bytes.Buffer
	if err := encode(&film, frames); err != nil {
		t.Fatal(err)
	}
	got, err := gif.DecodeAll(&film)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Image) != len(frames) || got.LoopCount != 0 {
		t.Fatalf("%d frames, loop count %d", len(got.Image), got.LoopCount)
	}
	screen := image.NewRGBA(frames[0].picture.Rect)
	for i, part := range got.Image {
		draw.Draw(screen, part.Rect, part, part.Rect.Min, draw.Over)
		if !bytes.Equal(screen.Pix, frames[i].picture.Pix) {
			t.Errorf("frame %d differs from the screenshot", i)
		}
		if want := int(frames[i].shown / (10 * time.Millisecond)); got.Delay[i] != want {
			t.Errorf("frame %d stays %d hundredths of a second, want %d", i, got.Delay[i], want)
		}
	}
	if small := got.Image[3].Rect; small.Dx() == 40 && small.Dy() == 30 {
		t.Error("a frame holds more than what changed")
	}
}

// TestThePictureOfTheReadme checks that the picture exists, moves, and is small enough to
// load at once.
func TestThePictureOfTheReadme(t *testing.T) {
	film, err := os.ReadFile("../../../docs/img/heal.gif")
	if err != nil {
		t.Fatal(err)
	}
	if len(film) > maxBytes {
		t.Errorf("it has %d bytes, more than %d", len(film), maxBytes)
	}
	got, err := gif.DecodeAll(bytes.NewReader(film))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Image) < 20 {
		t.Errorf("it has %d frames: make picture", len(got.Image))
	}
}
