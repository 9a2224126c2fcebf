package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokesignal-go/smokesignal/internal/exposition"
)

// names returns the names of all metrics.
func names(t *testing.T) map[string]bool {
	t.Helper()
	descs := make(chan *prometheus.Desc, 1000)
	New(&figures{}).Describe(descs)
	close(descs)
	all := make(map[string]bool)
	quoted := regexp.MustCompile(`fqName: "(\w+)"`)
	for desc := range descs {
		found := quoted.FindStringSubmatch(desc.String())
		if found == nil || all[found[1]] {
			t.Fatalf("%v has no name, or that of another", desc)
		}
		all[found[1]] = true
	}
	return all
}

var named = regexp.MustCompile(`\bsmokesignal_\w+`)

// compareNames compares the names in a text with the existing ones.
func compareNames(t *testing.T, where, text string) {
	t.Helper()
	left := names(t)
	there := names(t)
	for _, name := range named.FindAllString(text, -1) {
		if !there[name] {
			t.Errorf("%s names %s, and there is no such metric", where, name)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("%s does not have %s", where, name)
	}
}

// dashboard has the parts of a Grafana dashboard that the test needs.
type dashboard struct {
	Title      string
	Templating struct {
		List []struct{ Name, Query string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr, RefID string }
	}
}

func TestTheDashboardShowsEachMetric(t *testing.T) {
	file, err := os.ReadFile("../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(file, &d); err != nil {
		t.Fatal(err)
	}
	shown := ""
	taken := make(map[[2]int]string)
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || (p.Type != "row") != (len(p.Targets) > 0) {
			t.Errorf("panel %d %q: the id is taken, or it has no title or shows nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or over the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			shown += q.Expr + "\n"
			if strings.Count(q.Expr, "(") != strings.Count(q.Expr, ")") || !named.MatchString(q.Expr) {
				t.Errorf("%q asks for %s", p.Title, q.Expr)
			}
		}
	}
	compareNames(t, "the dashboard", shown)
	for _, v := range d.Templating.List {
		if name := named.FindString(v.Query); name != "" && !names(t)[name] {
			t.Errorf("variable %s asks for %s", v.Name, name)
		}
	}
}

func TestThePageOfMetricsHasEachMetric(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := ""
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `smokesignal_") {
			cells := strings.Split(line, "|")
			if kind := strings.TrimSpace(cells[2]); (kind == "counter") != strings.Contains(cells[1], "_total") {
				t.Errorf("the page says of %s that it is a %s", cells[1], kind)
			}
			rows += cells[1] + "\n"
		}
	}
	compareNames(t, "the table of docs/metrics.md", rows)
	compareNames(t, "docs/metrics.md", strings.ReplaceAll(string(page), "`smokesignal_`", ""))
	for _, r := range exposition.Reasons {
		if !strings.Contains(string(page), "| `"+r.Name+"` |") {
			t.Errorf("docs/metrics.md has no reason %s", r.Name)
		}
	}
}
