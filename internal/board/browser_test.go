package board_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium, driven over a pair of pipes by its DevTools
// protocol: JSON messages, each ended by a zero byte. That is all a test needs, so
// no library stands between, which would have to know every version of Chromium.
//
// Many goroutines may use it.
type browser struct {
	cmd *exec.Cmd
	out *os.File // to the browser

	write sync.Mutex // held while a message is written, so that none is torn

	mu      sync.Mutex
	last    int
	waiting map[int]chan<- answer
	tabs    map[string]*tab // by session
	err     error           // why nothing more will come
	ended   chan struct{}   // closed when the reader has ended
}

type answer struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"` // of an event
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// findBrowser gives the path of a Chromium, or "".
func findBrowser() string {
	if runtime.GOOS == "windows" {
		return "" // no pipes beyond the first three
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startBrowser starts one with an empty profile in dir.
func startBrowser(path, dir string) (*browser, error) {
	in, toBrowser, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromBrowser, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), toBrowser.Close())
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(dir, "profile"))
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4 in the browser
	err = cmd.Start()
	err = errors.Join(err, in.Close(), out.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", path, err), toBrowser.Close(), fromBrowser.Close())
	}
	b := &browser{cmd: cmd, out: toBrowser, waiting: make(map[int]chan<- answer), tabs: make(map[string]*tab), ended: make(chan struct{})}
	// The reader belongs to the browser and ends with it; close waits for it.
	go b.read(fromBrowser)
	return b, nil
}

func (b *browser) read(from *os.File) {
	defer close(b.ended)
	defer func() { _ = from.Close() }()
	for r := bufio.NewReader(from); ; {
		text, err := r.ReadBytes(0)
		if err != nil {
			b.end(fmt.Errorf("the browser is gone: %w", err))
			return
		}
		var a answer
		if err := json.Unmarshal(text[:len(text)-1], &a); err != nil {
			b.end(fmt.Errorf("the browser said %q: %w", text, err))
			return
		}
		b.mu.Lock()
		to, t := b.waiting[a.ID], b.tabs[a.Session]
		delete(b.waiting, a.ID)
		b.mu.Unlock()
		switch {
		case to != nil:
			to <- a
		case a.ID == 0 && t != nil:
			t.note(a)
		}
	}
}

// end fails all calls that still wait.
func (b *browser) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	for id, to := range b.waiting {
		delete(b.waiting, id)
		close(to)
	}
}

// call has the browser do something and puts its result into result, if that is not nil.
func (b *browser) call(ctx context.Context, session, method string, params, result any) error {
	to := make(chan answer, 1)
	b.mu.Lock()
	if b.err != nil {
		defer b.mu.Unlock()
		return b.err
	}
	b.last++
	id := b.last
	b.waiting[id] = to
	b.mu.Unlock()

	text, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{id, session, method, params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	b.write.Lock()
	_, err = b.out.Write(append(text, 0))
	b.write.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a, ok := <-to:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, b.err)
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result != nil:
			return json.Unmarshal(a.Result, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// close ends the browser, by force if it does not end when asked.
func (b *browser) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.call(ctx, "", "Browser.close", nil, nil); err != nil {
		_ = b.cmd.Process.Kill()
	}
	err := b.out.Close()
	<-b.ended
	if waited := b.cmd.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("browser: %w", waited))
	}
	return err
}

// tab is one page with a profile of its own, and all that it asked and complained of.
type tab struct {
	t       *testing.T
	browser *browser
	ctx     context.Context
	session string

	mu         sync.Mutex
	requests   []string // URLs
	complaints []string // errors on the console, and exceptions
}

// screen is what a tab is shown on.
type screen struct {
	width, height int
	dark, phone   bool
	still         bool // prefers reduced motion
}

// openTab opens an empty tab, which the end of the test closes.
func openTab(t *testing.T, b *browser, s screen) *tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := &tab{t: t, browser: b, ctx: ctx}
	var made struct {
		Context string `json:"browserContextId"`
		Target  string `json:"targetId"`
		Session string `json:"sessionId"`
	}
	p.must("Target.createBrowserContext", nil, &made)
	p.must("Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": made.Context}, &made)
	p.must("Target.attachToTarget", map[string]any{"targetId": made.Target, "flatten": true}, &made)
	b.mu.Lock()
	b.tabs[made.Session] = p
	b.mu.Unlock()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		b.mu.Lock()
		delete(b.tabs, made.Session)
		b.mu.Unlock()
		if err := b.call(ctx, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": made.Context}, nil); err != nil {
			t.Errorf("close the tab: %v", err)
		}
	})
	p.session = made.Session
	for _, domain := range []string{"Page", "Network", "Runtime", "Log", "Accessibility"} {
		p.must(domain+".enable", nil, nil)
	}
	p.resize(s)
	p.must("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": s.phone}, nil)
	type feature struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	features := []feature{{"prefers-color-scheme", "light"}, {"prefers-reduced-motion", "no-preference"}}
	if s.dark {
		features[0].Value = "dark"
	}
	if s.still {
		features[1].Value = "reduce"
	}
	p.must("Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	return p
}

func (p *tab) resize(s screen) {
	p.t.Helper()
	p.must("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": s.width, "height": s.height, "deviceScaleFactor": 1, "mobile": s.phone,
	}, nil)
}

// note keeps what the browser tells of a tab.
func (p *tab) note(a answer) {
	var told struct {
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
		Type  string `json:"type"`
		Entry struct {
			Level, Text, URL string
		} `json:"entry"`
		Exception struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if err := json.Unmarshal(a.Params, &told); err != nil {
		return // an event that is none of ours
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case a.Method == "Network.requestWillBeSent":
		p.requests = append(p.requests, told.Request.URL)
	case a.Method == "Runtime.exceptionThrown":
		p.complaints = append(p.complaints, told.Exception.Text+" "+told.Exception.Exception.Description)
	case a.Method == "Runtime.consoleAPICalled" && (told.Type == "error" || told.Type == "assert" || told.Type == "warning"):
		p.complaints = append(p.complaints, string(a.Params))
	case a.Method == "Log.entryAdded" && (told.Entry.Level == "error" || told.Entry.Level == "warning"):
		p.complaints = append(p.complaints, told.Entry.Text+" "+told.Entry.URL)
	}
}

func (p *tab) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

func (p *tab) complained() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.complaints...)
}

// forgive forgets complaints that have a text in them.
func (p *tab) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = slices.DeleteFunc(p.complaints, func(c string) bool { return strings.Contains(c, text) })
}

func (p *tab) must(method string, params, result any) {
	p.t.Helper()
	if err := p.browser.call(p.ctx, p.session, method, params, result); err != nil {
		p.t.Fatal(err)
	}
}

// get evaluates an expression, waits for it if it is a promise, and puts its
// value into result, if that is not nil.
func (p *tab) get(expression string, result any) error {
	var told struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := p.browser.call(p.ctx, p.session, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	}, &told)
	switch {
	case err != nil:
		return fmt.Errorf("evaluate %s: %w", expression, err)
	case told.Exception != nil:
		return fmt.Errorf("evaluate %s: %s", expression, cmp.Or(told.Exception.Exception.Description, told.Exception.Text))
	case result != nil:
		return json.Unmarshal(told.Result.Value, result)
	}
	return nil
}

// wait waits until a condition of the page holds. It is asked again whenever the
// page draws a frame.
func (p *tab) wait(condition string) {
	p.t.Helper()
	err := p.get(fmt.Sprintf("new Promise((done) => { const look = () => (%s) ? done(true) : requestAnimationFrame(look); look(); })", condition), nil)
	if err != nil {
		var state string
		_ = p.get("document.body.innerText", &state)
		p.t.Fatalf("%v\nconsole: %q\npage:\n%s", err, p.complained(), state)
	}
}

// key presses and releases a key.
func (p *tab) key(name string) {
	p.t.Helper()
	params := map[string]any{"type": "keyDown", "key": name, "code": name}
	switch {
	case name == "Tab":
		params["windowsVirtualKeyCode"] = 9
	case name == "Enter":
		params["windowsVirtualKeyCode"], params["text"] = 13, "\r"
	case len(name) == 1:
		params["text"] = name
	}
	p.must("Input.dispatchKeyEvent", params, nil)
	params["type"] = "keyUp"
	p.must("Input.dispatchKeyEvent", params, nil)
}

type place struct{ X, Y float64 }

// drag presses the mouse at the first place, goes over the others and releases it
// at the last: with one place it is a click.
func (p *tab) drag(places ...place) {
	p.t.Helper()
	send := func(kind string, at place, buttons int) {
		p.must("Input.dispatchMouseEvent", map[string]any{
			"type": kind, "x": at.X, "y": at.Y, "button": "left", "buttons": buttons, "clickCount": 1,
		}, nil)
	}
	send("mousePressed", places[0], 1)
	for _, at := range places[1:] {
		send("mouseMoved", at, 1)
	}
	send("mouseReleased", places[len(places)-1], 0)
}

// touch puts fingers on the first places, moves them over the others, and lifts them.
func (p *tab) touch(fingers ...[]place) {
	p.t.Helper()
	send := func(kind string, at []place) {
		points := []map[string]float64{}
		for i, f := range at {
			points = append(points, map[string]float64{"x": f.X, "y": f.Y, "id": float64(i)})
		}
		p.must("Input.dispatchTouchEvent", map[string]any{"type": kind, "touchPoints": points}, nil)
	}
	send("touchStart", fingers[0])
	for _, at := range fingers[1:] {
		send("touchMove", at)
	}
	send("touchEnd", nil)
}

// shoot writes what is seen to dir/name.png.
func (p *tab) shoot(dir, name string) {
	p.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	p.must("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	png, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(shot.Data)))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
