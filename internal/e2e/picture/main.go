// Picture records the moving picture of the README: a network of simulated nodes that is
// cut in two and heals, as `smoke sim --open` shows it in a browser.
//
//	go build -o bin/smoke ./cmd/smoke
//	go run ./internal/e2e/picture -smoke bin/smoke -o docs/img/heal.gif
//
// It starts the command on a free port, opens its page in a headless Chromium, presses
// the buttons, and writes the screenshots as an animated GIF. The picture plays at the
// speed at which it was recorded.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	width, height = 760, 556                // pixels
	frameGap      = 250 * time.Millisecond  // between two screenshots
	lastFrame     = 2500 * time.Millisecond // how long the last one stays
	maxBytes      = 2_000_000               // of the picture
	wholeTime     = time.Minute             // the time limit of the recording
)

// act is a part of the story: press a button, and record for a time.
type act struct {
	press string // the text of a button; none if empty
	until string // a condition of the page that must hold when the time is over
	time  time.Duration
}

// story lists the acts of the picture, in order.
var story = []act{
	{until: `document.querySelector("#count-parts").innerText === "1"`, time: 2 * time.Second},
	{press: "cut", until: `document.querySelector("#count-parts").innerText === "2"`, time: 9 * time.Second},
	{press: "heal", until: `document.querySelector("#count-parts").innerText === "1"`, time: 6 * time.Second},
}

func main() {
	log.SetFlags(0)
	smoke := flag.String("smoke", "bin/smoke", "the command `smoke` to run")
	out := flag.String("o", "docs/img/heal.gif", "the `file` to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *smoke, *out); err != nil {
		log.Fatal("picture: ", err)
	}
}

// run records the story and writes it to a file.
func run(ctx context.Context, smoke, out string) error {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	page, end, err := simulate(ctx, smoke)
	if err != nil {
		return err
	}
	defer end()
	frames, err := record(ctx, page)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var film bytes.Buffer
	if err := encode(&film, frames); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if film.Len() > maxBytes {
		return fmt.Errorf("the picture has %d bytes, more than %d", film.Len(), maxBytes)
	}
	if err := os.WriteFile(out, film.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d frames, %d kB\n", out, len(frames), film.Len()/1000)
	return nil
}

// simulate starts `smoke sim --open` on a free port and returns the address of its page.
// The caller must call end.
func simulate(ctx context.Context, smoke string) (page string, end func(), err error) {
	cmd := exec.CommandContext(ctx, smoke, "sim", "--open", "--http", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	text, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		cmd.Process.Kill() // it has nothing to save
		io.Copy(io.Discard, text)
		cmd.Wait()
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if page = regexp.MustCompile(`http://\S+`).FindString(lines.Text()); page != "" {
			return page, end, nil
		}
	}
	end()
	return "", nil, fmt.Errorf("%s printed no address", smoke)
}

// record plays the story in a headless Chromium and returns what the page showed.
func record(ctx context.Context, page string) ([]frame, error) {
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.NoSandbox, chromedp.DisableGPU))
	defer stop()
	for _, step := range []chromedp.Action[chromedp.Void]{
		chromedp.EmulateViewport(width, height),
		chromedp.Navigate(page),
	} {
		if _, err := chromedp.Run(ctx, step); err != nil {
			return nil, err
		}
	}
	if err := await(ctx, `document.querySelector("#count-nodes").innerText === "24"`); err != nil {
		return nil, err
	}
	if err := await(ctx, story[0].until); err != nil {
		return nil, err
	}
	if _, err := chromedp.Run(ctx, chromedp.Sleep(4*time.Second)); err != nil { // until the layout no longer moves
		return nil, err
	}
	var frames []frame
	for _, a := range story {
		if a.press != "" {
			press := fmt.Sprintf(`[...document.querySelectorAll("#control-buttons button")].find(b => b.innerText === %q).click()`, a.press)
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](press)); err != nil {
				return nil, fmt.Errorf("press %s: %w", a.press, err)
			}
		}
		for end := time.Now().Add(a.time); time.Now().Before(end); {
			f, err := shoot(ctx)
			if err != nil {
				return nil, err
			}
			frames = append(frames, f)
		}
		if err := await(ctx, a.until); err != nil {
			return nil, fmt.Errorf("after %q: %w", a.press, err)
		}
	}
	for i := range frames[:len(frames)-1] {
		frames[i].shown = frames[i+1].at.Sub(frames[i].at)
	}
	frames[len(frames)-1].shown = lastFrame
	return frames, nil
}

// await waits at most ten seconds until a condition of the page holds.
func await(ctx context.Context, condition string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		switch holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition)); {
		case err != nil:
			return fmt.Errorf("wait for %s: %w", condition, err)
		case holds:
			return nil
		}
		if _, err := chromedp.Run(ctx, chromedp.Sleep(50*time.Millisecond)); err != nil {
			return fmt.Errorf("wait for %s: %w", condition, err)
		}
	}
}

// shoot takes one screenshot, and returns when the next one is due.
func shoot(ctx context.Context) (frame, error) {
	f := frame{at: time.Now()}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return f, err
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return f, err
	}
	f.picture = image.NewRGBA(picture.Bounds())
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			f.picture.Set(x, y, picture.At(x, y))
		}
	}
	select {
	case <-time.After(time.Until(f.at.Add(frameGap))):
	case <-ctx.Done():
		return f, context.Cause(ctx)
	}
	return f, nil
}
