package meshview_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
)

const noChromium = "!! there is no chromium: the page is NOT tested"

var (
	wide  = screen{width: 1280, height: 800}
	phone = screen{width: 390, height: 844, phone: true}
)

func TestMain(m *testing.M) {
	preview := flag.String("preview", "", "serve the page with made-up data on this `address`, for as long as one likes, and test nothing")
	flag.Parse()
	if *preview != "" {
		fatal(show(*preview))
	}
	goleak.VerifyTestMain(withBrowser{m})
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// open shows a made-up mesh on a screen.
func open(t *testing.T, mesh meshJSON, s screen) (*fake, *tab) {
	t.Helper()
	f := &fake{mesh: mesh}
	t.Cleanup(func() { f.fall(true) })
	return f, visit(t, f.handler(), s)
}

// visit serves a page and opens it, in parallel with other tests. At the end of the test,
// it must have contacted only its server and have no console messages.
func visit(t *testing.T, h http.Handler, s screen) *tab {
	t.Helper()
	if chromium == nil {
		t.Skip(noChromium)
	}
	t.Parallel()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	p := openTab(t, s)
	t.Cleanup(func() {
		asked, complaints := p.observed()
		if len(asked) == 0 {
			t.Error("the page asked for nothing, which can't be")
		}
		for _, url := range asked {
			if !strings.HasPrefix(url, server.URL+"/debug/smoke/") && !strings.HasPrefix(url, "data:") {
				t.Errorf("the page asked for %s", url)
			}
		}
		for _, text := range complaints {
			t.Errorf("on the console: %s", text)
		}
	})
	run(p, chromedp.Navigate(server.URL+"/debug/smoke/"))
	p.wait(`window.smokesignal && document.querySelector("#server").className === "live"`)
	return p
}

// waitDrawn waits until exactly the nodes, links, silent nodes and parts of a mesh are drawn.
func (p *tab) waitDrawn(m meshJSON) {
	p.t.Helper()
	nodes, links, silent := []string{}, []string{}, []string{}
	for _, n := range m.Nodes {
		nodes = append(nodes, n.ID)
		if n.Silent {
			silent = append(silent, n.ID)
		}
		for _, l := range n.Links {
			links = append(links, min(n.ID, l.Peer)+" "+max(n.ID, l.Peer))
		}
	}
	for _, list := range []*[]string{&nodes, &links, &silent} {
		slices.Sort(*list)
		*list = slices.Compact(*list) // both ends report a link
	}
	want, err := json.Marshal([]any{nodes, links, silent, len(m.Parts)})
	if err != nil {
		p.t.Fatal(err)
	}
	p.wait(fmt.Sprintf(`(() => {
		const { nodes, links, silent, parts } = smokesignal.drawn();
		return JSON.stringify([nodes.sort(), links.map((l) => l.sort().join(" ")).sort(), silent.sort(), parts]) === %q;
	})()`, want))
}

// shows returns the condition that an element shows this text.
func shows(selector, text string) string {
	return fmt.Sprintf("document.querySelector(%q).innerText.includes(%q)", selector, text)
}

func TestWhatIsDrawnIsWhatIsTold(t *testing.T) {
	for _, nodes := range []int{1, 2, 12, 200, 1000} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			mesh := madeUp(nodes, 1)
			_, p := open(t, mesh, wide)
			p.waitDrawn(mesh)
			p.wait(fmt.Sprintf(`document.querySelectorAll("#nodes tbody tr").length === %d`, nodes))
		})
	}
}

// The page as it is embedded, over the board itself.
func TestThePageAndTheBoard(t *testing.T) {
	mesh := newRing(6)
	p := visit(t, meshview.New(controlled{mesh}), wide)
	drawn := meshJSON{Parts: make([][]string, 1)}
	text, err := json.Marshal(mesh.nodes)
	if err == nil {
		err = json.Unmarshal(text, &drawn.Nodes)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.waitDrawn(drawn)
	p.wait(`!document.querySelector("#emit").hidden`)
	p.wait(`document.querySelector("#controls button").click() || true`)
	p.wait(`document.querySelector("#control-answer").textContent === ""`) // it was "…", and no refusal arrived
}

func TestThePictureFollowsTheMesh(t *testing.T) {
	mesh := madeUp(12, 1)
	f, p := open(t, mesh, wide)
	p.waitDrawn(mesh)

	mesh = mesh.clone()
	mesh.silence(3)
	f.show(mesh)
	p.waitDrawn(mesh)
	p.wait(shows("#nodes tbody tr:first-child", mesh.Nodes[3].Addr[:len(mesh.Nodes[3].Addr)-5]+"silent")) // on top

	mesh = mesh.clone()
	gone := mesh.Nodes[3]
	for i := range mesh.Nodes {
		mesh.drop(3, i)
	}
	mesh.Nodes = slices.Delete(mesh.Nodes, 3, 4)
	f.show(mesh)
	p.waitDrawn(mesh)
	p.wait(shows("#headline", "All is well: 11 nodes, one mesh"))
	p.wait("!" + shows("#nodes", gone.Addr[:len(gone.Addr)-5]+"\n"))

	f.show(madeUp(40, 1)) // completely different nodes
	p.waitDrawn(madeUp(40, 1))
}

func TestALinkToSomebodyUnheardIsTold(t *testing.T) {
	mesh := madeUp(5, 1)
	whole := mesh.clone()
	mesh.Nodes[1].Links = append(mesh.Nodes[1].Links, linkJSON{Peer: strings.Repeat("ab", 16)})
	mesh.Complete = false
	_, p := open(t, mesh, wide)
	p.waitDrawn(whole)
	p.wait(shows("#partial", "this picture is not complete yet; 1 link leads to nodes not heard of"))
}

func TestASplitIsToldFirstAndItsHealToo(t *testing.T) {
	f, p := open(t, madeUp(12, 1), wide)
	p.wait(shows("#headline", "All is well"))

	f.show(madeUp(12, 2))
	p.waitDrawn(madeUp(12, 2))
	p.wait(shows("#headline", "The mesh is in 2 parts: 7 and 5 nodes"))
	p.wait(`document.querySelector("#verdict").className === "bad"`)
	p.wait(shows("#alarm", "The mesh is in 2 parts")) // screen readers read it at once
	p.wait(`document.title.includes("2 parts")`)

	f.show(madeUp(12, 1))
	p.wait(shows("#headline", "Healed: 12 nodes, one mesh"))
	p.wait(`document.querySelector("#alarm").textContent === ""`)
	later := madeUp(12, 1)
	later.At = 100
	f.show(later)
	p.wait(shows("#headline", "All is well"))
}

func TestProblemsAreToldWithWhatToDo(t *testing.T) {
	mesh := madeUp(12, 1)
	mesh.Problems = []problemJSON{
		{Node: mesh.Nodes[4].ID, Text: "It has 1 link.", Do: "Open port 7946."},
		{Node: mesh.Nodes[6].ID, Text: "It has no link.", Do: "Open port 7946."},
		{Node: mesh.Nodes[6].ID, Text: "It lost events.", Do: "Ask it which."},
	}
	f, p := open(t, mesh, wide)
	p.wait(shows("#headline", "3 problems need attention"))
	p.wait(`document.querySelectorAll("#problems li").length === 2`) // problems with the same Do share an item: 3 problems, 2 items
	p.wait(shows("#problems li:first-child", "10.0.0.5: It has 1 link.\n10.0.0.7: It has no link.\nOpen port 7946."))
	p.wait(`document.querySelector("#problems button").click() || true`)
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", mesh.Nodes[4].ID))

	// The headline is about the whole mesh, and a partition comes first.
	mesh = madeUp(12, 2)
	silent := problemJSON{Text: "1 node does not answer.", Do: "Look whether it runs."}
	mesh.Problems = []problemJSON{silent, {Text: "The mesh is in 2 parts: 7, 5 nodes.", Do: "Connect them."}}
	f.show(mesh)
	p.wait(shows("#headline", "The mesh is in 2 parts: 7 and 5 nodes"))
	p.wait(shows("#more", "Connect them."))
	p.wait(`document.querySelector("#problems").innerText === "1 node does not answer.\nLook whether it runs."`)
	mesh = madeUp(12, 1)
	mesh.Problems = []problemJSON{silent}
	f.show(mesh)
	p.wait(shows("#headline", "1 node does not answer."))
	p.wait(shows("#more", "Look whether it runs."))
}

func TestALostServerIsToldAndFoundAgain(t *testing.T) {
	f, p := open(t, madeUp(12, 1), wide)
	f.fall(true)
	p.wait(shows("#headline", "No answer from the server"))
	p.wait(shows("#server", "lost"))
	p.forgive("api/stream") // the browser itself reports a stream that ends
	f.fall(false)
	p.wait(shows("#headline", "All is well"))
	p.wait(shows("#server", "live"))
	p.forgive("api/stream")
}

func TestTheKeyboardReachesEveryNode(t *testing.T) {
	mesh := madeUp(12, 1)
	_, p := open(t, mesh, wide)
	p.waitDrawn(mesh)

	for range 20 {
		run(p, chromedp.KeyEvent(kb.Tab))
		at := eval[string](p, "document.activeElement.id")
		if at == "graph" {
			break
		}
	}
	p.wait(`document.activeElement.id === "graph" && document.activeElement.matches(":focus-visible")`)
	run(p, chromedp.KeyEvent(kb.ArrowRight)) // the first one is this node
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", mesh.Self))
	// From there in all four directions; each must move the selection.
	seen := map[string]bool{}
	for _, key := range []string{kb.ArrowRight, kb.ArrowDown, kb.ArrowLeft, kb.ArrowUp} {
		run(p, chromedp.KeyEvent(key))
		id := eval[string](p, "smokesignal.selected()")
		seen[id] = true
	}
	if len(seen) < 2 {
		t.Errorf("four arrows led to %v", seen)
	}
	run(p, chromedp.KeyEvent(kb.Escape))
	p.wait("smokesignal.selected() === null")
	// Checks + and -, around a place away from the middle.
	const spread = `(() => { const ats = smokesignal.drawn().nodes.map((id) => smokesignal.at(id).x); return Math.max(...ats) - Math.min(...ats); })()`
	before := eval[float64](p, spread)
	run(p, chromedp.KeyEvent("-"))
	p.wait(fmt.Sprintf("%s < %f", spread, before*0.8))
	run(p, chromedp.KeyEvent("+"))
	run(p, chromedp.KeyEvent("+"))
	p.wait(fmt.Sprintf("%s > %f", spread, before*1.2))

	// In the list, one arrow key moves one row, from the first to the last.
	p.wait(`document.querySelector("#nodes tbody button").focus() || true`)
	for range len(mesh.Nodes) - 1 {
		run(p, chromedp.KeyEvent(kb.ArrowDown))
	}
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", mesh.Nodes[11].ID))
	p.wait(shows("#details-title", "10.0.0.12"))
	p.wait(shows("#say", "10.0.0.12"))
	p.wait(`document.activeElement.textContent === "10.0.0.12"`)
}

func TestAClickSelectsAndADragMoves(t *testing.T) {
	mesh := madeUp(12, 1)
	_, p := open(t, mesh, screen{width: 1280, height: 800, still: true})
	p.waitDrawn(mesh)
	id := mesh.Nodes[5].ID
	at := eval[place](p, fmt.Sprintf("smokesignal.at(%q)", id))
	p.drag(at)
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", id))
	p.wait(shows("#details-id", id))
	p.drag(at, place{at.X + 20, at.Y}, place{at.X + 40, at.Y + 30})
	p.wait(fmt.Sprintf("Math.hypot(smokesignal.at(%q).x - %f, smokesignal.at(%q).y - %f) > 15", id, at.X, id, at.Y))
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", id)) // a drag is not a click

}

func TestFingersSelectAndPinch(t *testing.T) {
	mesh := madeUp(12, 1)
	_, p := open(t, mesh, screen{width: 390, height: 844, phone: true, still: true})
	p.waitDrawn(mesh)
	a, b := mesh.Nodes[1].ID, mesh.Nodes[8].ID
	where := func(id string) place {
		t.Helper()
		return eval[place](p, fmt.Sprintf("smokesignal.at(%q)", id))
	}
	apart := func() float64 { p, q := where(a), where(b); return math.Hypot(p.X-q.X, p.Y-q.Y) }
	p.touch([]place{where(a)})
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", a))

	before := apart()
	box := eval[struct{ X, Y, Width, Height float64 }](p, `document.querySelector("#graph").getBoundingClientRect().toJSON()`)
	x, y := box.X+box.Width/2, box.Y+box.Height/2
	p.touch([]place{{x - 30, y}, {x + 30, y}}, []place{{x - 60, y}, {x + 60, y}}, []place{{x - 90, y}, {x + 90, y}})
	p.wait(fmt.Sprintf("smokesignal.selected() === %q", a)) // a pinch is not a tap
	if ratio := apart() / before; ratio < 2.9 || ratio > 3.1 {
		t.Errorf("fingers went three times as far apart, nodes %.2f times", ratio)
	}
	p.wait(`document.querySelector("#fit").click() || true`)
	p.wait(fmt.Sprintf(`(() => {
		const [p, q] = [smokesignal.at(%q), smokesignal.at(%q)];
		return Math.abs(Math.hypot(p.x - q.x, p.y - q.y) - %f) < 1;
	})()`, a, b, before))
}

func TestEventsAreListedAsTextOnly(t *testing.T) {
	mesh := madeUp(12, 1)
	f, p := open(t, mesh, wide)
	p.waitDrawn(mesh)
	const nasty = `<img src=x onerror="alert(1)"><script>alert(2)</script>`
	f.emit(eventJSON{At: 12, Name: nasty, Origin: mesh.Nodes[2].ID, Seq: 7, Size: 120, Text: nasty, Skipped: 9})
	f.emit(eventJSON{At: 13, Name: "chat", Origin: strings.Repeat("cd", 16), Seq: 8, Size: 1300, Text: `["hi"]`})
	p.wait(`document.querySelectorAll("#events li").length === 2`)
	p.wait(shows("#events li:last-child", nasty))
	p.wait(shows("#events li:last-child", "from 10.0.0.3 no. 7, 120 B, after 9 not shown"))
	p.wait(shows("#events li:first-child", "from cdcdcdcd no. 8, 1.3 kB"))
	p.wait(`document.querySelector("#events img, #events script") === null`)
	for i := range 100 {
		f.emit(eventJSON{At: 14, Name: "chat", Origin: mesh.Self, Seq: uint64(i), Text: fmt.Sprintf("[%d]", i)})
		p.wait(shows("#events li:first-child", fmt.Sprintf("[%d]", i)))
	}
	p.wait(`document.querySelectorAll("#events li").length === 60`)
}

func TestEmit(t *testing.T) {
	mesh := madeUp(3, 1)
	f, p := open(t, mesh, wide)
	p.wait(`document.querySelector("#emit").hidden`)
	mesh = mesh.clone()
	mesh.CanEmit = true
	f.show(mesh)
	p.wait(`!document.querySelector("#emit").hidden`)
	fill := func() {
		t.Helper()
		eval[chromedp.Void](p, `(() => {
			const form = document.querySelector("#emit-form");
			document.querySelector("#emit").open = true;
			form.elements.name.value = "chat";
			form.elements.text.value = "hi \"there\"";
			form.elements.token.value = "s3cret";
			form.requestSubmit();
		})()`)
	}
	fill()
	p.wait(shows("#emit-answer", "Emitted chat."))
	if want := []string{`emit Bearer s3cret {"name":"chat","args":["hi \"there\""]}`}; !slices.Equal(f.posted(), want) {
		t.Errorf("posted %q, want %q", f.posted(), want)
	}
	f.refuse("the token is a wrong one")
	fill()
	p.wait(shows("#emit-answer", "the token is a wrong one"))
	p.wait(`document.querySelector("#emit-answer").className === "bad-text"`)
	p.wait(`sessionStorage.getItem("token") === "s3cret" && localStorage.length === 0`)
	p.forgive("api/emit") // the browser itself reports such an answer
}

func TestASimulationCanBeSteered(t *testing.T) {
	mesh := madeUp(12, 1)
	mesh.Source, mesh.Controls = "simulation", []string{"cut", "heal", "kill", "add"}
	f, p := open(t, mesh, wide)
	p.wait(shows("#whose", "a simulation"))
	p.wait(`[...document.querySelectorAll("#controls button")].map((b) => b.textContent).join() === "cut,heal,kill,add"`)
	p.wait(`document.querySelector("#controls button").click() || true`)
	p.wait(`document.querySelector("#control-answer").textContent === ""`)
	if want := []string{"control/cut"}; !slices.Equal(f.posted(), want) {
		t.Errorf("posted %q, want %q", f.posted(), want)
	}
}

func TestOptionsAreShownToWhoOpensThem(t *testing.T) {
	_, p := open(t, madeUp(3, 1), wide)
	p.wait(`document.querySelector("#options summary").click() || true`)
	p.wait(shows("#option-list", "PingTimeout\n3s"))
}

func TestAPhoneScrollsOneWay(t *testing.T) {
	for _, mesh := range []meshJSON{madeUp(12, 2), madeUp(200, 1)} {
		t.Run(fmt.Sprint(len(mesh.Nodes)), func(t *testing.T) {
			mesh.Controls, mesh.CanEmit = []string{"cut", "heal", "kill", "add"}, true
			mesh.Problems = []problemJSON{
				{Text: strings.Repeat("long", 40), Do: strings.Repeat("word", 40)},
				{Text: strings.Repeat("long", 40), Do: strings.Repeat("text", 40)},
			}
			mesh.Notices = []noticeJSON{{1, strings.Repeat("long", 40)}}
			f, p := open(t, mesh, phone)
			p.waitDrawn(mesh)
			f.emit(eventJSON{At: 1, Name: strings.Repeat("n", 80), Origin: mesh.Self, Text: strings.Repeat("t", 200)})
			p.wait(`document.querySelectorAll("#events li").length === 1`)
			p.wait(`document.querySelectorAll("details").forEach((d) => { d.open = true; }) ?? true`)
			p.wait(shows("#option-list", "PingTimeout"))
			for _, width := range []int64{360, 390, 640, 768, 1024} {
				p.resize(screen{width: width, height: 780, phone: true})
				p.wait(fmt.Sprintf("screen.width === %d", width))
				is := eval[[]int64](p, "[document.documentElement.scrollWidth, innerWidth]")
				if is[0] > width || is[1] != width {
					t.Errorf("the page is %d wide in a window of %d, on a screen of %d", is[0], is[1], width)
				}
			}
		})
	}
}

// With reduced motion, an event passes and nothing moves.
func TestReducedMotionIsStill(t *testing.T) {
	mesh := madeUp(200, 1)
	f, p := open(t, mesh, screen{width: 1280, height: 800, still: true})
	p.waitDrawn(mesh)
	const where = `JSON.stringify(smokesignal.drawn().nodes.map((id) => smokesignal.at(id)))`
	before := eval[string](p, where)
	f.emit(eventJSON{At: 1, Name: "chat", Origin: mesh.Self})
	p.wait(`document.querySelectorAll("#events li").length === 1`)
	after := eval[string](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(`+where+`))))`)
	if before != after {
		t.Error("nodes have moved")
	}
}

// For screen readers, every control must have a name.
func TestEveryControlHasAName(t *testing.T) {
	mesh := madeUp(12, 1)
	mesh.CanEmit, mesh.Controls = true, []string{"cut"}
	_, p := open(t, mesh, wide)
	p.waitDrawn(mesh)
	text := func(v *accessibility.Value) (is string) {
		t.Helper()
		if v != nil && len(v.Value) > 0 {
			if err := json.Unmarshal(v.Value, &is); err != nil {
				t.Fatal(err)
			}
		}
		return is
	}
	found := 0
	for _, n := range call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		switch role := text(n.Role); role {
		case "button", "textbox", "searchbox", "link", "table", "application", "DisclosureTriangle", "region":
			if found++; !n.Ignored && text(n.Name) == "" {
				t.Errorf("a %s without a name", role)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d controls found", found)
	}
}

// The fake must not send anything that the board does not send.
func TestTheFakeSpeaksLikeTheBoard(t *testing.T) {
	mesh := madeUp(12, 2)
	mesh.Problems, mesh.Notices = []problemJSON{{Text: "x"}}, []noticeJSON{{1, "x"}}
	for _, pair := range []struct{ fake, board any }{{mesh, new(meshview.Picture)}, {eventJSON{Origin: mesh.Self}, new(meshview.Event)}} {
		text, err := json.Marshal(pair.fake)
		if err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(pair.board); err != nil {
			t.Errorf("%T is no %T: %v", pair.fake, pair.board, err)
		}
	}
}

// This holds without a browser: no script or style in the markup, and no address of another
// host in any served file.
func TestThePageNeedsNobodyElse(t *testing.T) {
	inline := regexp.MustCompile(`(?i)\son\w+=|\sstyle=|<style|<script(?:\s[^>]*)?>[^<]`)
	outside := regexp.MustCompile(`(?i)(?:src|href|action)="(?:/|[a-z]+:[^"]{0,20})|url\(|@import|https?://[^\s"']+`)
	for _, name := range []string{"index.html", "page.css", "page.js", "dom.js", "forms.js", "graph.js", "layout.js", "mesh.js", "nodes.js", "pointer.js", "stream.js", "words.js"} {
		text, err := os.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".html") {
			for _, found := range inline.FindAllString(string(text), -1) {
				t.Errorf("%s: %q, which the policy forbids", name, found)
			}
		}
		for _, found := range outside.FindAllString(string(text), -1) {
			if !strings.HasPrefix(found, `href="data:image/svg+xml`) && found != "http://www.w3.org/2000/svg" {
				t.Errorf("%s: %q leads away", name, found)
			}
		}
	}
}
