package meshview_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// ring is a mesh of a few fake nodes, each linked to the next one.
type ring struct {
	mu      sync.Mutex
	nodes   []smoke.NodeInfo
	dumb    map[smoke.ID]bool // nodes that do not answer
	surveys int
	health  meshview.Health
	event   func(meshview.Event)
	notice  func(string)
	watched int
	emitted []string
	pressed []string
}

func id(n int) smoke.ID { return smoke.ID{15: byte(n)} }

func newRing(n int) *ring {
	r := &ring{dumb: make(map[smoke.ID]bool), health: meshview.Health{State: "found", Text: "well", Peers: 2}}
	for i := 1; i <= n; i++ {
		next := i%n + 1
		r.nodes = append(r.nodes, smoke.NodeInfo{
			ID: id(i), Addr: fmt.Sprintf("n%d:1", i), Uptime: 60, MinPeers: 1, MaxPeers: 5, Degree: 2,
			Links: []smoke.LinkInfo{{Peer: id(next), Eager: true, Dialled: true}}, Left: []smoke.ID{},
		})
	}
	return r
}

func (r *ring) ID() smoke.ID { return id(1) }

func (r *ring) Survey(ctx context.Context, told func(smoke.NodeInfo)) (int, error) {
	r.mu.Lock()
	r.surveys++
	var list []smoke.NodeInfo
	for _, n := range r.nodes {
		if !r.dumb[n.ID] {
			list = append(list, n)
		}
	}
	complete := len(list) == len(r.nodes)
	r.mu.Unlock()
	for _, n := range list {
		told(n)
	}
	if complete {
		return len(list), nil
	}
	select {
	case <-time.After(1500 * time.Millisecond):
		return len(list), smoke.ErrIncomplete
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (r *ring) Options() []meshview.Setting {
	return []meshview.Setting{{Name: "Secret", Value: "set"}}
}

func (r *ring) Health() meshview.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health
}

func (r *ring) OnEvent(fn func(meshview.Event)) (off func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event = fn
	r.watched++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.watched--
	}
}

func (r *ring) OnNotice(fn func(string)) { r.notice = fn }

// asked returns how many surveys there were, and how many clients watch its events.
func (r *ring) asked() (surveys, watched int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.surveys, r.watched
}

// update changes the ring under its lock.
func (r *ring) update(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// controlled is a ring with buttons, into which a client can emit.
type controlled struct{ *ring }

func (c controlled) Controls() []string        { return []string{"cut"} }
func (c controlled) Control(name string) error { c.pressed = append(c.pressed, name); return nil }
func (c controlled) CanEmit() bool             { return true }
func (c controlled) MayEmit(token string) bool { return token == "open sesame" }
func (c controlled) Emit(_ context.Context, name string, args []any) error {
	if name == "bad" {
		return errors.New("no such name")
	}
	c.emitted = append(c.emitted, name)
	return nil
}

// get sends a GET request to a handler.
func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func look(t *testing.T, h http.Handler) (p meshview.Picture) {
	t.Helper()
	if err := json.Unmarshal(get(h, "/anywhere/api/mesh").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// bubble runs a story in virtual time, until no client is left.
func bubble(t *testing.T, story func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		story(t)
		time.Sleep(time.Minute)
	})
}

// says reports whether a problem with this text is reported.
func says(p meshview.Picture, text string) bool {
	for _, x := range p.Problems {
		if strings.Contains(x.Text, text) && x.Do != "" {
			return true
		}
	}
	return false
}

// The nodes are surveyed only while a client asks, and for a short time after that.
func TestNodesAreAskedOnlyWhileSomebodyLooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(5)
		b := meshview.New(r)
		time.Sleep(time.Hour)
		if n, watched := r.asked(); n > 0 || watched > 0 {
			t.Fatalf("%d surveys, %d watch events", n, watched)
		}
		if p := look(t, b); len(p.Nodes) != 5 || len(p.Parts) != 1 || !p.Complete || len(p.Problems) > 0 || p.Self != id(1) {
			t.Errorf("it shows %+v", p)
		}
		time.Sleep(time.Minute)
		before, watched := r.asked()
		if before < 5 || before > 15 || watched > 0 {
			t.Errorf("%d surveys after one look, %d watch events", before, watched)
		}
		ctx, hangUp := context.WithCancel(t.Context())
		done := make(chan *httptest.ResponseRecorder)
		go func() {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/stream", nil).WithContext(ctx))
			done <- w
		}()
		time.Sleep(time.Minute)
		n, watched := r.asked()
		if n -= before; n < 110 || n > 125 || watched != 1 {
			t.Errorf("%d surveys in a minute of watching, %d watch events", n, watched)
		}
		hangUp()
		text := (<-done).Body.String()
		if n := strings.Count(text, "event: mesh\n"); n < 100 {
			t.Errorf("the page got %d pictures", n)
		}
		time.Sleep(time.Minute)
		before, _ = r.asked()
		time.Sleep(time.Hour)
		if n, watched := r.asked(); n != before || watched != 0 {
			t.Errorf("%d surveys with nobody there, %d watch events", n-before, watched)
		}
	})
}

// The page shows within two seconds that a node has fallen silent, and that it has
// returned.
func TestSilenceShowsWithinTwoSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(6)
		b := meshview.New(r)
		for range 10 {
			look(t, b)
			time.Sleep(500 * time.Millisecond)
		}
		r.update(func() { r.dumb[id(2)], r.dumb[id(5)] = true, true })
		time.Sleep(1500 * time.Millisecond)
		p := meshview.Picture{}
		// A separate survey would wait for the nodes that do not answer.
		ctx, hangUp := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer hangUp()
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/mesh", nil).WithContext(ctx))
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Nodes) != 6 || !p.Nodes[1].Silent || !p.Nodes[4].Silent || p.Nodes[0].Silent || p.Complete {
			t.Errorf("it shows %+v", p.Nodes)
		}
		if len(p.Parts) != 2 || len(p.Parts[0]) != 2 || !says(p, "do not answer any more") || !says(p, "in 2 parts: 2, 2 nodes") {
			t.Errorf("parts %v, problems %+v", p.Parts, p.Problems)
		}
		r.update(func() { clear(r.dumb) })
		if p := look(t, b); len(p.Parts) != 1 || len(p.Problems) > 0 {
			t.Errorf("after that: parts %v, problems %+v", p.Parts, p.Problems)
		}
	})
}

// A node that said goodbye is not reported; one that did not is reported for five minutes.
func TestWhoHasLeftIsNoProblem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(4)
		b := meshview.New(r)
		look(t, b)
		r.update(func() { // two nodes are gone, one of them with a goodbye
			r.nodes = r.nodes[:2]
			r.nodes[0].Left = []smoke.ID{id(3)}
		})
		time.Sleep(4 * time.Second)
		if p := look(t, b); len(p.Nodes) != 3 || p.Nodes[2].ID != id(4) || !p.Nodes[2].Silent || !says(p, "n4:1 does not answer") {
			t.Errorf("it shows %+v, %+v", p.Nodes, p.Problems)
		}
		time.Sleep(6 * time.Minute)
		if p := look(t, b); len(p.Nodes) != 2 || len(p.Problems) > 0 {
			t.Errorf("after six minutes it shows %+v", p.Nodes)
		}
	})
}

func TestProblemsAreToldInWords(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(30)
		b := meshview.New(r)
		r.nodes[1].Queued = 5000
		r.nodes[2].Links[0].Lag = 3 << 20
		r.nodes[3].SeedsLost = 1
		r.nodes[5].MinPeers = 3
		r.nodes[6].Version = "v2.0.0" // an update is not a problem
		r.health = meshview.Health{State: "looking", Text: "It looks for x."}
		p := look(t, b)
		for _, want := range []string{
			"It looks for x.", "Handlers are behind: 5000", "3.0 MiB of events are queued", "1 seed does not answer",
			"2 links of the 3",
		} {
			if !says(p, want) {
				t.Errorf("nothing says %q: %+v", want, p.Problems)
			}
		}
		if len(p.Problems) != 5 {
			t.Errorf("%d problems", len(p.Problems))
		}
		r.update(func() { r.nodes[4].Gaps = 2 })
		if p := look(t, b); !says(p, "It lost events: 2 runs") {
			t.Errorf("nothing says that events were lost: %+v", p.Problems)
		}
		r.update(func() {
			for i := range r.nodes {
				r.nodes[i].Gaps, r.nodes[i].SeedsLost = 3, 1
			}
		})
		p = look(t, b)
		if !says(p, "30 nodes lost events") || !says(p, "seeds of 30 nodes") || len(p.Problems) > 8 {
			t.Errorf("where all have a problem: %+v", p.Problems)
		}
		for range 10 { // a page is open
			time.Sleep(time.Minute)
			p = look(t, b)
		}
		if says(p, "lost events") {
			t.Errorf("ten minutes later: %+v", p.Problems)
		}
	})
}

func TestHealth(t *testing.T) {
	r := newRing(1)
	b := meshview.New(r)
	for _, c := range []struct {
		state, path string
		want        int
	}{
		{"found", "/readyz", 200}, {"looking", "/readyz", 503}, {"looking", "/readyz?alone=ok", 200}, {"failed", "/readyz?alone=ok", 503},
		{"failed", "/livez", 200}, // the program runs
	} {
		r.health.State = c.state
		if w := get(b, "/debug/smoke"+c.path); w.Code != c.want || c.path != "/livez" && !strings.Contains(w.Body.String(), `"state":"`+c.state+`"`) {
			t.Errorf("%s, %s: %d %s", c.state, c.path, w.Code, w.Body)
		}
	}
}

// The page works below any path and contacts no other host.
func TestThePageIsServed(t *testing.T) {
	b := meshview.New(newRing(1))
	for _, path := range []string{"/", "/debug/smoke/", "/a/b/c/"} {
		w := get(b, path)
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for path, want := range map[string]int{
		"/debug/smoke": 301, "/debug/smoke/page.js": 200, "/debug/smoke/page.css": 200, "/debug/smoke/nothing.js": 404, "/debug/smoke/api/nothing": 404,
		"/debug/smoke/api/options": 200, "/debug/smoke/../../etc/passwd": 301,
	} {
		if w := get(b, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if text := get(b, "/x/api/options").Body.String(); text != `{"options":[{"name":"Secret","value":"set"}]}` {
		t.Errorf("options: %s", text)
	}
}

// Without permission, a client can change nothing.
func TestWhoMayChangeAnything(t *testing.T) {
	r := newRing(1)
	closed, open := meshview.New(r), meshview.New(controlled{r})
	post := func(h http.Handler, path, body string, header ...string) int {
		q := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		io.Copy(io.Discard, w.Body)
		return w.Code
	}
	const good, bearer = `{"name":"chat","args":["hi"]}`, "Bearer open sesame"
	for _, c := range []struct {
		name   string
		h      http.Handler
		path   string
		body   string
		header []string
		want   int
	}{
		{"emitting is off", closed, "/api/emit", good, []string{"Authorization", bearer}, 403},
		{"no token", open, "/api/emit", good, nil, 403},
		{"another token", open, "/api/emit", good, []string{"Authorization", "Bearer x"}, 403},
		{"another scheme", open, "/api/emit", good, []string{"Authorization", "open sesame"}, 403},
		{"the token", open, "/api/emit", good, []string{"Authorization", bearer}, 204},
		{"from another site", open, "/api/emit", good, []string{"Authorization", bearer, "Sec-Fetch-Site", "cross-site"}, 403},
		{"no JSON", open, "/api/emit", "{", []string{"Authorization", bearer}, 400},
		{"a megabyte", open, "/api/emit", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, []string{"Authorization", bearer}, 400},
		{"what can't be emitted", open, "/api/emit", `{"name":"bad"}`, []string{"Authorization", bearer}, 422},
		{"a button", open, "/api/control/cut", "", nil, 204},
		{"a button, from another site", open, "/api/control/cut", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"no button", open, "/api/control/burn", "", nil, 404},
		{"no buttons", closed, "/api/control/cut", "", nil, 404},
	} {
		if got := post(c.h, c.path, c.body, c.header...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if len(r.emitted) != 1 || len(r.pressed) != 1 {
		t.Errorf("emitted %v, pressed %v", r.emitted, r.pressed)
	}
}

// A slow page gets fewer events, with the number of skipped ones. The number of pages is
// bounded.
func TestPagesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(2)
		b := meshview.New(r)
		ctx, hangUp := context.WithCancel(t.Context())
		var pages sync.WaitGroup
		codes := make(chan int, 40)
		first := httptest.NewRecorder()
		open := func(w *httptest.ResponseRecorder) {
			pages.Go(func() {
				b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/stream", nil).WithContext(ctx))
				codes <- w.Code
			})
			synctest.Wait()
		}
		open(first)
		for range 35 {
			open(httptest.NewRecorder())
		}
		r.update(func() {
			for n := range 1000 {
				r.event(meshview.Event{Name: "flood", Seq: uint64(n)})
			}
		})
		time.Sleep(3 * time.Second)
		r.update(func() { r.event(meshview.Event{Name: "last"}) })
		time.Sleep(3 * time.Second)
		hangUp()
		pages.Wait()
		refused := 0
		for range 36 {
			if <-codes == http.StatusServiceUnavailable {
				refused++
			}
		}
		if refused != 4 {
			t.Errorf("%d pages of 36 were turned away", refused)
		}
		text := first.Body.String()
		if n := strings.Count(text, `"name":"flood"`); n < 20 || n > 30 {
			t.Errorf("of 1000 events at once the page got %d", n)
		}
		if !strings.Contains(text, `"name":"last"`) || strings.Count(text, `"skipped":0`) == strings.Count(text, "event: event") {
			t.Errorf("what was left out is not told")
		}
	})
}

func TestNoticesAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(1)
		b := meshview.New(r)
		for range 100 {
			r.notice("something happened")
		}
		if n := len(look(t, b).Notices); n != 20 {
			t.Errorf("%d notices", n)
		}
	})
}

// A client that returns after a while sees the current state. Nodes that were not surveyed
// meanwhile are not silent, and nodes that have left are.
func TestALookAfterAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(5)
		b := meshview.New(r)
		look(t, b)
		time.Sleep(time.Minute)
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/stream", nil).WithContext(ctx))
		if text := w.Body.String(); strings.Contains(text, `"silent":true`) || !strings.Contains(text, `"complete":false`) {
			t.Errorf("the page got %s", text)
		}
		time.Sleep(time.Minute)
		r.update(func() { r.nodes = r.nodes[:3] }) // the others have no neighbour left
		if p := look(t, b); len(p.Nodes) != 5 || !p.Nodes[3].Silent || !p.Nodes[4].Silent || !says(p, "n4:1, n5:1 do not answer") {
			t.Errorf("it shows %+v, %+v", p.Nodes, p.Problems)
		}
	})
}

// A guest has no address and is not reported as missing. Nor is a node that has a successor
// at its address.
func TestSuccessorsAndGuests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(4)
		r.nodes[2].Addr = ""
		b := meshview.New(r)
		look(t, b)
		r.update(func() {
			r.nodes = append(r.nodes[:2], r.nodes[3])
			r.nodes[2].ID = id(9)
		})
		time.Sleep(10 * time.Second)
		if p := look(t, b); len(p.Nodes) != 3 || p.Nodes[2].ID != id(9) || len(p.Problems) > 0 {
			t.Errorf("it shows %+v, %+v", p.Nodes, p.Problems)
		}
	})
}

func TestWhatOneSeesIsNoted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRing(6)
		b := meshview.New(r)
		watch := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
				look(t, b)
			}
		}
		watch(5 * time.Second)
		r.update(func() { r.dumb[id(2)], r.dumb[id(5)] = true, true })
		watch(10 * time.Second)
		r.update(func() { clear(r.dumb) })
		watch(5 * time.Second)
		var notes []string
		for _, n := range look(t, b).Notices {
			notes = append(notes, n.Text)
		}
		all := strings.Join(notes, "; ")
		if !strings.HasPrefix(all, "2 nodes fell silent: n2:1, n5:1; the mesh is in 2 parts; 2 nodes answer again: n2:1, n5:1; the mesh is whole again, after ") || len(notes) != 4 {
			t.Errorf("it notes %s", all)
		}
	})
}
