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
	chromium context.Context // of the browser that all tests share; nil: no browser
	misread  atomic.Bool     // chromedp failed to decode an event
)

// withBrowser runs tests with a headless Chromium with an empty profile. When Run returns,
// the browser and all its goroutines have ended.
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

// misunderstood receives the problems of chromedp. An event that chromedp can't decode may
// have been a request or a console message, so the run fails. Other problems are ignored:
// unknown newer events, and chromedp's copy of the page.
func misunderstood(format string, args ...any) {
	if strings.HasPrefix(format, "could not unmarshal event") {
		fmt.Fprintf(os.Stderr, "chromedp: "+format+"\n", args...)
		misread.Store(true)
	}
}

// tab is one page, with its requests and console messages. Its storage is separate, because
// each test has its own server and thus its own origin.
type tab struct {
	t   *testing.T
	ctx context.Context // chromedp's handle

	mu         sync.Mutex
	requests   []string // URLs
	complaints []string // warnings and errors on the console, and exceptions
}

// screen describes the display of a tab.
type screen struct {
	width, height int64
	dark, phone   bool
	still         bool // prefers reduced motion
}

// openTab opens an empty tab for at most a minute. The end of the test closes it.
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

// note records an event of the tab, before the browser sends the next.
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

// observed returns the URLs that the page requested, and its console messages.
func (p *tab) observed() (requests, complaints []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests), slices.Clone(p.complaints)
}

// forgive removes console messages that contain a text.
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

// wait waits until a condition of the page holds. It checks the condition with every frame
// that the page draws. (chromedp.Poll would compile a string, which the page's policy
// forbids.)
func (p *tab) wait(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		"new Promise((done) => { const look = () => (%s) ? done() : requestAnimationFrame(look); look(); })", condition), chromedp.EvalAwaitPromise))
	if err != nil {
		_, complaints := p.observed()
		p.t.Errorf("wait for %s: %v\nconsole: %q", condition, err, complaints)
		p.t.Fatalf("page:\n%s", eval[string](p, "document.body.innerText"))
	}
}

type place struct{ X, Y float64 }

// drag presses the mouse at the first place, moves over the others and releases it at the
// last. With one place it is a click.
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

// shoot writes a screenshot to dir/name.png.
func (p *tab) shoot(dir, name string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".png"), run(p, chromedp.CaptureScreenshot()), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
