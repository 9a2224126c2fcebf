// Package exposition lists the metrics of a node, and writes them in the text format of
// Prometheus, version 0.0.4.
//
// It imports no library of Prometheus: package metrics makes a collector of the same
// list for programs that have a registry, and command smoke, which has no other
// metrics, links none of these libraries.
package exposition

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Node is the node of which the metrics are written.
type Node interface {
	ID() smoke.ID
	Stats() smoke.Stats
}

// contentType is what client_golang sends for the same format.
const contentType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

// mostScrapes is the number of requests that a handler answers at one time.
const mostScrapes = 4

// Handler returns a handler that writes the metrics of the node. It answers four
// requests at a time, and further ones with 503.
func Handler(node Node) http.Handler {
	slots := make(chan struct{}, mostScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", mostScrapes), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Write(Text(node)) // a client that is gone needs no answer
	})
}

// family is a metric with its samples.
type family struct {
	name, help string
	kind       Kind
	samples    []sample
}

// sample is a value with its label, if it has one.
type sample struct {
	label string // with braces; no label has a character that needs an escape
	value float64
}

// Text returns the metrics of the node, sorted by name and label.
func Text(node Node) []byte {
	s := node.Stats()
	families := []family{{InfoName, InfoHelp, Gauge, []sample{{fmt.Sprintf(`{id="%s"}`, node.ID()), 1}}}}
	for _, m := range Table {
		if v := m.Value(&s); v != 0 || !m.MayBeUnknown {
			families = append(families, family{m.Name, m.Help, m.Kind, []sample{{"", v}}})
		}
	}
	refused := family{name: RefusedName, help: RefusedHelp, kind: Counter}
	for _, r := range Reasons {
		refused.samples = append(refused.samples, sample{fmt.Sprintf(`{reason="%s"}`, r.Name), float64(r.Count(&s.Refused))})
	}
	slices.SortFunc(refused.samples, func(a, b sample) int { return cmp.Compare(a.label, b.label) })
	families = append(families, refused)
	slices.SortFunc(families, func(a, b family) int { return cmp.Compare(a.name, b.name) })

	var text bytes.Buffer
	for _, f := range families {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", f.name, f.help, f.kind)
		for _, s := range f.samples {
			fmt.Fprintf(&text, "%s%s %s\n", f.name, s.label, strconv.FormatFloat(s.value, 'g', -1, 64))
		}
	}
	return text.Bytes()
}
