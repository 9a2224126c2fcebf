package svg

import (
	"encoding/xml"
	"slices"
	"testing"
)

func TestTextIsEscaped(t *testing.T) {
	d := &Drawing{Width: 10, Height: 10}
	d.Text(1, 2, Left, 12, `a<b & "c"`)
	d.TextUp(1, 2, 12, "d>e")
	d.Clip(0, 0, 5, 5, func() { d.Curve([]Point{{0, 1}, {2.25, 3}}, 1, "#000000") })
	var got struct {
		Text  []string `xml:"text"`
		Inner struct {
			ViewBox string `xml:"viewBox,attr"`
			Curve   struct {
				Points string `xml:"points,attr"`
			} `xml:"polyline"`
		} `xml:"svg"`
	}
	if err := xml.Unmarshal(d.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Text, []string{`a<b & "c"`, "d>e"}) || got.Inner.Curve.Points != "0.0,1.0 2.2,3.0" || got.Inner.ViewBox != "0.0 0.0 5.0 5.0" {
		t.Errorf("%+v in\n%s", got, d.Bytes())
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		least, most float64
		want        []float64
	}{
		{0, 1, []float64{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}},
		{0, 12, []float64{0, 5, 10}},
		{3, 9, []float64{4, 6, 8}},
		{0, 634, []float64{0, 200, 400, 600}},
	} {
		if got := (Axis{Least: c.least, Most: c.most}).Ticks(5); !slices.Equal(got, c.want) {
			t.Errorf("from %v to %v there are ticks at %v, want %v", c.least, c.most, got, c.want)
		}
	}
}

func TestTicksLieOnTheAxis(t *testing.T) {
	for most := 1e-6; most < 1e9; most *= 1.37 {
		for n := 1; n <= 10; n++ {
			a := Axis{Most: most, From: 100}
			ticks := a.Ticks(n)
			if len(ticks) < 1 || len(ticks) > n+1 {
				t.Errorf("to %v there are %d ticks of %d", most, len(ticks), n)
			}
			for _, v := range ticks {
				if at := a.At(v); at < -1e-6 || at > 100 {
					t.Errorf("to %v there is a tick at %v, pixel %v", most, v, at)
				}
			}
		}
	}
}

func TestLogAxisHoldsItsValues(t *testing.T) {
	a := NewLogAxis(3, 2000, 0, 100)
	if got := a.Decades(); !slices.Equal(got, []float64{1, 10, 100, 1000, 10000}) || a.At(1) != 0 || a.At(100) != 50 {
		t.Errorf("%v, %v", got, a)
	}
	if one := NewLogAxis(10, 10, 0, 100); one.At(10) != 0 || one.Most != 100 {
		t.Errorf("%v", one)
	}
}
