// Package exposition lists the metrics of a node, and writes them in the text format of
// Prometheus, version 0.0.4.
//
// It imports no library of Prometheus, so that command smoke, which has no other metrics,
// need not link any. For programs with a registry, package metrics makes a collector of the
// same list.
package exposition

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

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

// Handler returns a handler that writes the metrics of the node. It serves at most four
// requests at a time, and answers further ones with 503.
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
		w.Write(Text(node)) // a client that is gone gets no answer
	})
}

// Text returns the metrics of the node, sorted by name and label.
func Text(node Node) []byte {
	s := node.Stats()
	families := []string{family(InfoName, InfoHelp, Gauge, line(InfoName, fmt.Sprintf(`{id="%s"}`, node.ID()), 1))}
	for _, m := range Table {
		if v := m.Value(&s); !math.IsNaN(v) {
			families = append(families, family(Prefix+m.Name, m.Help, m.Kind, line(Prefix+m.Name, "", v)))
		}
	}
	var refused []string
	for _, r := range Reasons { // no reason has a character that needs an escape
		refused = append(refused, line(RefusedName, fmt.Sprintf(`{reason="%s"}`, r.Name), float64(r.Count(&s.Refused))))
	}
	slices.Sort(refused)
	families = append(families, family(RefusedName, RefusedHelp, Counter, strings.Join(refused, "")))
	slices.Sort(families) // by name, because they differ in nothing before it
	return []byte(strings.Join(families, ""))
}

// family returns the lines of one metric.
func family(name, help string, kind Kind, samples string) string {
	return fmt.Sprintf("# HELP %s %s\n# TYPE %[1]s %[3]s\n%[4]s", name, help, kind, samples)
}

// line returns one value of a metric. The label has its braces.
func line(name, label string, value float64) string {
	return name + label + " " + strconv.FormatFloat(value, 'g', -1, 64) + "\n"
}
