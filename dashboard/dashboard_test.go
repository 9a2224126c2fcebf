package dashboard_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/smoke/"+path, nil))
	return w.Code, w.Body.String()
}

func picture(t *testing.T, h http.Handler) (p meshview.Picture) {
	t.Helper()
	_, text := get(h, "api/mesh")
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

// Any node shows what all nodes report.
func TestTheMeshIsWhatTheNodesReport(t *testing.T) {
	smoketest.Run(t, 12, func(t *testing.T, net *smoketest.Network) {
		defer time.Sleep(time.Minute) // until the surveys have ended
		page := dashboard.New(net.Node(7))
		for range 3 {
			net.Node(2).Broadcast().Emit("news", "hello")
		}
		net.Settle()
		p := picture(t, page)
		if len(p.Nodes) != 12 || len(p.Parts) != 1 || !p.Complete || len(p.Problems) > 0 || p.Self != net.Node(7).ID() || p.CanEmit || p.Source != "node" {
			t.Fatalf("it shows %+v", p)
		}
		for i, node := range net.Nodes() {
			at := slices.IndexFunc(p.Nodes, func(n meshview.NodeView) bool { return n.ID == node.ID() })
			if at < 0 {
				t.Fatalf("node %d is not there", i)
			}
			n, peers := p.Nodes[at], 0
			for peer := range node.Peers().All() {
				peers++
				if !slices.ContainsFunc(n.Links, func(l smoke.LinkInfo) bool { return l.Peer == peer.ID() }) {
					t.Errorf("node %d: its link to %v is not shown", i, peer.ID())
				}
			}
			if n.Addr != node.Advertised() || n.Degree != peers || len(n.Links) != peers || n.Emitted+n.Delivered != 3 || n.Silent {
				t.Errorf("node %d is shown as %+v", i, n)
			}
		}
	})
}

// A partition shows on the pages of both sides within two seconds, and so does the heal.
func TestACutShowsWithinTwoSeconds(t *testing.T) {
	smoketest.Run(t, 12, func(t *testing.T, net *smoketest.Network) {
		defer time.Sleep(time.Minute) // until the surveys have ended
		here, there := dashboard.New(net.Node(0)), dashboard.New(net.Node(11))
		// silent reports whether a page shows all of these nodes as silent. It may also
		// show nodes of its own side whose links all led across.
		silent := func(h http.Handler, who ...int) bool {
			nodes := picture(t, h).Nodes
			return !slices.ContainsFunc(who, func(i int) bool {
				return !slices.ContainsFunc(nodes, func(n meshview.NodeView) bool { return n.ID == net.Node(i).ID() && n.Silent })
			})
		}
		for range 10 { // a page is open
			picture(t, here)
			picture(t, there)
			time.Sleep(500 * time.Millisecond)
		}
		left, right := []int{0, 1, 2, 3, 4}, []int{5, 6, 7, 8, 9, 10, 11}
		net.Partition(left, right)
		cut := time.Now()
		net.Wait(2*time.Second, "both pages show the cut", func() bool { return silent(here, right...) && silent(there, left...) })
		t.Logf("shown after %v", time.Since(cut))
		time.Sleep(time.Minute) // a shorter time would not be a netsplit
		p := picture(t, here)
		if !slices.ContainsFunc(p.Problems, func(x meshview.Problem) bool {
			return strings.Contains(x.Text, "7 nodes do not answer any more: 10.0.0.10:8495, ")
		}) {
			t.Errorf("problems: %+v", p.Problems)
		}
		net.Heal()
		net.Settle()
		if p = picture(t, here); len(p.Parts) != 1 || len(p.Parts[0]) != 12 || len(p.Problems) > 0 {
			t.Errorf("after healing it shows %+v", p)
		}
		if !slices.ContainsFunc(p.Notices, func(n meshview.Notice) bool { return strings.Contains(n.Text, "the parts are one") }) {
			t.Errorf("notices: %+v", p.Notices)
		}
	})
}

func TestHealthOfANode(t *testing.T) {
	for _, c := range []struct {
		seeds []string
		want  int
		state string
	}{{nil, 200, "found"}, {[]string{smoketest.Addr(0)}, 200, "found"}, {[]string{smoketest.Addr(8)}, 503, "looking"}} {
		var page http.Handler
		o := smoketest.Options{
			Configure: func(_ *testing.T, _ int, o *smoke.Options) { o.Seeds = c.seeds },
			Setup: func(t *testing.T, _ int, node *smoke.Node) {
				page = dashboard.New(node)
				if code, text := get(page, "readyz"); code != 503 || !strings.Contains(text, "failed") {
					t.Errorf("before Start: %d %s", code, text)
				}
			},
		}
		smoketest.RunWith(t, 1, o, func(t *testing.T, net *smoketest.Network) {
			defer time.Sleep(time.Minute) // until the surveys have ended
			if code, text := get(page, "readyz"); code != c.want || !strings.Contains(text, c.state) {
				t.Errorf("seeds %v: %d %s", c.seeds, code, text)
			}
			if p := picture(t, page); len(p.Nodes) != 1 || (len(p.Problems) > 0) != (c.state == "looking") {
				t.Errorf("seeds %v: it shows %+v", c.seeds, p)
			}
			net.Stop(0)
			if code, text := get(page, "readyz"); code != 503 || !strings.Contains(text, "failed") {
				t.Errorf("after Stop: %d %s", code, text)
			}
			if code, _ := get(page, "livez"); code != 200 {
				t.Errorf("alive: %d", code)
			}
		})
	}
}

// If every node refuses a node, readyz and the page show the reason.
func TestHealthOfANodeThatIsRefused(t *testing.T) {
	var page http.Handler
	o := smoketest.Options{
		Configure: func(_ *testing.T, _ int, o *smoke.Options) { o.Seeds = []string{smoketest.Addr(8)} },
		Setup:     func(_ *testing.T, _ int, node *smoke.Node) { page = dashboard.New(node) },
	}
	smoketest.RunWith(t, 1, o, func(t *testing.T, net *smoketest.Network) {
		defer time.Sleep(time.Minute) // until the surveys have ended
		time.Sleep(10 * time.Second)
		code, text := get(page, "readyz")
		var health meshview.Health
		if err := json.Unmarshal([]byte(text), &health); err != nil {
			t.Fatal(err)
		}
		if code != 503 || health.State != "looking" || health.Reason != smoke.ErrNobodyAnswers.Error() {
			t.Errorf("%d %s", code, text)
		}
		if len(health.Tried) != 1 || health.Tried[0].Addr != smoketest.Addr(8) || health.Tried[0].Reason == "" {
			t.Errorf("tried %+v", health.Tried)
		}
		if p := picture(t, page); len(p.Problems) == 0 || !strings.Contains(p.Problems[0].Text, "refused everywhere: nobody answers; tried "+smoketest.Addr(8)) {
			t.Errorf("problems: %+v", p.Problems)
		}
	})
}

// The page shows no secret, and emits for clients with the token.
func TestOptionsAndEmitting(t *testing.T) {
	smoketest.RunWith(t, 2, smoketest.Options{Configure: func(_ *testing.T, _ int, o *smoke.Options) {
		o.Secret = "9f3c0a7be1d24856c8e07d1b64f5a392"
	}}, func(t *testing.T, net *smoketest.Network) {
		defer time.Sleep(time.Minute) // until the surveys have ended
		heard := smoketest.Record[string](net, "chat")
		page := dashboard.NewWith(net.Node(0), dashboard.Options{Token: "open sesame"})
		_, text := get(page, "api/options")
		if strings.Contains(text, "9f3c0a7be1d24856") || !strings.Contains(text, `{"name":"Secret","value":"set"}`) || strings.Contains(text, "sesame") {
			t.Errorf("options: %s", text)
		}
		if p := picture(t, page); !p.CanEmit {
			t.Error("the page does not offer to emit")
		}
		r := httptest.NewRequest(http.MethodPost, "/debug/smoke/api/emit", strings.NewReader(`{"name":"chat","args":["hi"]}`))
		r.Header.Set("Authorization", "Bearer open sesame")
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		net.Settle()
		if got := heard.Heard(1); w.Code != 204 || !slices.Equal(got, []string{"hi"}) {
			t.Errorf("%d %s; node 1 heard %q", w.Code, w.Body, got)
		}
	})
}

// Measures the cost of a hundred nodes with and without an open page.
func TestWhatWatchingCosts(t *testing.T) {
	smoketest.Run(t, 100, func(t *testing.T, net *smoketest.Network) {
		defer time.Sleep(time.Minute) // until the surveys have ended
		sent := func() (bytes uint64) {
			for _, node := range net.Nodes() {
				bytes += node.Stats().BytesOut
			}
			return bytes
		}
		const lasts = 20 * time.Second
		perSecond := func(do func()) float64 {
			before := sent()
			do()
			return float64(sent()-before) / lasts.Seconds()
		}
		page := dashboard.New(net.Node(50))
		before := perSecond(func() { time.Sleep(lasts) })
		during := perSecond(func() {
			ctx, hangUp := context.WithTimeout(t.Context(), lasts)
			defer hangUp()
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/smoke/api/stream", nil).WithContext(ctx))
			if n := strings.Count(w.Body.String(), "event: mesh\n"); n < 35 {
				t.Errorf("the page got %d pictures", n)
			}
		})
		time.Sleep(10 * time.Second)
		after := perSecond(func() { time.Sleep(lasts) })
		t.Logf("100 nodes send %.1f kB/s together while no page is open, %.1f kB/s while one is, and %.1f kB/s after that", before/1e3, during/1e3, after/1e3)
		if during > 100*4000 {
			t.Errorf("watching costs %.0f bytes a node and second", during/100)
		}
		if after > 1.3*before {
			t.Errorf("the surveys continue: %.0f B/s before, %.0f after", before, after)
		}
	})
}
