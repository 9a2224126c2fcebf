package meshview_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	chromium context.Context // of the browser that all tests share; nil where there is none
	misread  atomic.Bool     // it said something that was not understood
)

// withBrowser runs tests beside a headless Chromium with an empty profile, which
// has ended, with all its goroutines, when Run returns.
type withBrowser struct{ *testing.M }

func (m withBrowser) Run() int {
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithErrorf(misunderstood), chromedp.WithAllocatorOptions(
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", false)))
	defer stop()
	switch err := chromedp.Do(ctx); {
	case errors.Is(err, exec.ErrNotFound):
		fmt.Fprintln(os.Stderr, noChromium)
		return m.M.Run()
	case err != nil:
		fatal(err)
	}
	chromium = ctx
	code := m.M.Run()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		fatal(fmt.Errorf("close the browser: %w", err))
	}
	if misread.Load() {
		code = max(code, 1)
	}
	return code
}

// misunderstood is told what chromedp stumbles over. An event that it can't decode
// may have been a request or a complaint, so the run fails. All else is of no
// concern here: events that are newer than chromedp, and its copy of the page.
func misunderstood(format string, args ...any) {
	if strings.HasPrefix(format, "could not unmarshal event") {
		fmt.Fprintf(os.Stderr, "chromedp: "+format+"\n", args...)
		misread.Store(true)
	}
}

// tab is one page, and all that it asked and complained of. What it stores is its
// own by its origin, since each test has a server of its own.
type tab struct {
	t   *testing.T
	ctx context.Context // what chromedp knows it by

	mu         sync.Mutex
	requests   []string // URLs
	complaints []string // warnings and errors on the console, and exceptions
}

// screen is what a tab is shown on.
type screen struct {
	width, height int64
	dark, phone   bool
	still         bool // prefers reduced motion
}

// openTab opens an empty tab, for a minute at most, which the end of the test closes.
func openTab(t *testing.T, s screen) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, cancel := context.WithTimeout(chromium, time.Minute)
	t.Cleanup(cancel)
	p.ctx, _ = chromedp.NewContext(ctx, chromedp.WithListener(p.note))
	t.Cleanup(func() {
		if err := chromedp.Cancel(p.ctx); err != nil {
			t.Errorf("close the tab: %v", err)
		}
	})
	p.resize(s)
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: map[bool]string{false: "light", true: "dark"}[s.dark]},
		{Name: "prefers-reduced-motion", Value: map[bool]string{false: "no-preference", true: "reduce"}[s.still]},
	}})
	return p
}

func (p *tab) resize(s screen) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if s.phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	run(p, chromedp.EmulateViewport(s.width, s.height, options...))
}

// note keeps what the browser tells of a tab, before it tells the next.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeAssert, runtime.ConsoleAPICalledTypeWarning:
			text := e.Type.String() + ":"
			for _, arg := range e.Args {
				text += " " + cmp.Or(arg.Description, string(arg.Value))
			}
			p.complaints = append(p.complaints, text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.complaints = append(p.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// told gives the URLs that the page asked for, and what it complained of.
func (p *tab) told() (requests, complaints []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests), slices.Clone(p.complaints)
}

// forgive forgets complaints that have a text in them.
func (p *tab) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = slices.DeleteFunc(p.complaints, func(c string) bool { return strings.Contains(c, text) })
}

// run does something in a tab, or ends the test.
func run[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// call is run for a command that chromedp has no action for.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	return run(p, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

// eval evaluates an expression, and waits for it if it is a promise.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// wait waits until a condition of the page holds. It is asked again whenever the
// page draws a frame. (chromedp.Poll would make a function of a text, which the
// policy of the page forbids.)
func (p *tab) wait(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		"new Promise((done) => { const look = () => (%s) ? done() : requestAnimationFrame(look); look(); })", condition), chromedp.EvalAwaitPromise))
	if err != nil {
		_, complaints := p.told()
		p.t.Errorf("wait for %s: %v\nconsole: %q", condition, err, complaints)
		p.t.Fatalf("page:\n%s", eval[string](p, "document.body.innerText"))
	}
}

type place struct{ X, Y float64 }

// drag presses the mouse at the first place, goes over the others and releases it
// at the last: with one place it is a click.
func (p *tab) drag(places ...place) {
	p.t.Helper()
	held := func(m *input.DispatchMouseEventParams) {
		m.Button, m.Buttons, m.ClickCount = input.MouseButtonLeft, 1, 1
	}
	kind := chromedp.MousePressed
	for _, at := range places {
		run(p, chromedp.MouseEvent(kind, at.X, at.Y, held))
		kind = chromedp.MouseMoved
	}
	last := places[len(places)-1]
	run(p, chromedp.MouseEvent(chromedp.MouseReleased, last.X, last.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// touch puts fingers on the first places, moves them over the others, and lifts them.
func (p *tab) touch(fingers ...[]place) {
	p.t.Helper()
	kind := input.DispatchTouchEventTypeTouchStart
	for _, at := range fingers {
		var points []*input.TouchPoint
		for i, f := range at {
			points = append(points, &input.TouchPoint{X: f.X, Y: f.Y, ID: new(float64(i))})
		}
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
		kind = input.DispatchTouchEventTypeTouchMove
	}
	call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}})
}

// shoot writes what is seen to dir/name.png.
func (p *tab) shoot(dir, name string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".png"), run(p, chromedp.CaptureScreenshot()), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
