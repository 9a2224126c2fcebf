package frame_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// If a program registers an invalid kind, it does not start.
func TestRegisterRefusesNonsense(t *testing.T) {
	whole := frame.Spec{Kind: 0x7e, Name: "WHOLE", Parse: frame.Parser(parseHowl), Append: frame.Appender(appendHowl)}
	for want, change := range map[string]func(*frame.Spec){
		"the kind is 0":                    func(s *frame.Spec) { s.Kind = 0 },
		"no name":                          func(s *frame.Spec) { s.Name = "" },
		"no codec":                         func(s *frame.Spec) { s.Parse = nil },
		"the limit is out of range":        func(s *frame.Spec) { s.Limit = frame.MaxEvent + 1 },
		"the kind belongs to HELLO":        func(s *frame.Spec) { s.Kind = wire.KindHello },
		"the name is taken":                func(s *frame.Spec) { s.Name = "HOWL" },
		"protocol nonsense, kind 0x7e WHO": func(s *frame.Spec) { s.Append = nil },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, want) {
					t.Errorf("the panic says %q", got)
				}
			}()
			s := whole
			change(&s)
			frame.Register("nonsense", s)
		})
	}
	if frame.Kind(0x7e).Spec() != nil {
		t.Error("a spec that was refused is in the table")
	}
}

func TestCostOfAFrame(t *testing.T) {
	for _, c := range []struct {
		message frame.Message
		class   frame.Class
		parts   int
	}{
		{nil, frame.Control, frame.FrameParts},
		{stray{}, frame.Control, frame.FrameParts},
		{&hyparview.Ping{}, frame.Control, frame.FrameParts},
		{&howl{}, frame.Control, howlParts},
		{&bark{}, frame.Answer, 1},
		{&wire.Direct{}, frame.Data, 1},
	} {
		if class, parts := frame.Cost(c.message); class != c.class || parts != c.parts {
			t.Errorf("%T counts %d in class %d, want %d in class %d", c.message, parts, class, c.parts, c.class)
		}
	}
}

// stray is a message that no protocol has registered.
type stray struct{}

func (stray) Kind() frame.Kind { return 0x7f }

// liar is a message that returns the kind of a howl.
type liar struct{}

func (liar) Kind() frame.Kind { return kindHowl }

func TestAStrayMessageIsNotSent(t *testing.T) {
	var w frame.Writer
	before := []byte("before")
	for _, m := range []frame.Message{stray{}, liar{}, &howl{}} {
		got, f := w.Append(before, m, new(frame.SentOrigins))
		if f.Err == nil || !bytes.Equal(got, before) {
			t.Errorf("%T became %q, %v", m, got, f)
		}
	}
}

// A kind with Reuse allocates nothing, on either side.
func TestFramesOfAReusedKindTakeNoMemory(t *testing.T) {
	var enc wire.Encoder
	var dec wire.Decoder
	greeting, err := enc.Append(nil, &wire.Hello{Major: wire.Major, ID: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := dec.Next(greeting); err != nil {
		t.Fatal(err)
	}
	m, buf := &bark{7}, make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = enc.Append(buf[:0], m)
		got, _, err := dec.Next(buf)
		if b, ok := got.(*bark); err != nil || !ok || b.Number != 7 {
			t.Fatalf("%x is %v, %v", buf, got, err)
		}
	}); n != 0 {
		t.Errorf("a frame takes memory %v times", n)
	}
}
