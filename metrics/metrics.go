// Package metrics provides a Prometheus collector for a node.
//
//	registry.MustRegister(metrics.New(node))
//
// The collector calls the node only when it is scraped. It has no goroutine, stores
// nothing, and costs as much as one call of [smoke.Node.Stats]. It may be registered before
// the node starts, and remains valid when the node is stopped and started again. Counters
// since the last Start then begin at zero, as counters may.
//
// In a process with several nodes, give each its own label:
//
//	prometheus.WrapRegistererWith(prometheus.Labels{"node": "a"}, registry).MustRegister(metrics.New(a))
//
// No label has values that come from peers, so the number of series is fixed.
// docs/metrics.md explains each metric and has alert rules. docs/grafana.json is a
// dashboard.
package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokesignal-go/smokesignal/internal/exposition"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Node is the source of the figures: a *[smoke.Node], or a fake in tests.
type Node interface {
	ID() smoke.ID
	Stats() smoke.Stats
}

// New makes a collector for one node. It may be used by many goroutines.
func New(node Node) prometheus.Collector {
	labels := prometheus.Labels{"id": node.ID().String()}
	return &collector{
		node: node,
		info: prometheus.NewDesc(exposition.InfoName, exposition.InfoHelp, nil, labels),
	}
}

// described is a metric in Prometheus's form.
type described struct {
	exposition.Metric
	desc *prometheus.Desc
	kind prometheus.ValueType
}

var (
	table   = describeAll(exposition.Table)
	refused = prometheus.NewDesc(exposition.RefusedName, exposition.RefusedHelp, []string{"reason"}, nil)
)

func describeAll(list []exposition.Metric) (all []described) {
	kinds := map[exposition.Kind]prometheus.ValueType{exposition.Counter: prometheus.CounterValue, exposition.Gauge: prometheus.GaugeValue}
	for _, m := range list {
		all = append(all, described{m, prometheus.NewDesc(exposition.Prefix+m.Name, m.Help, nil, nil), kinds[m.Kind]})
	}
	return all
}

// collector implements prometheus.Collector. It is immutable.
type collector struct {
	node Node
	info *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.info
	for _, m := range table {
		to <- m.desc
	}
	to <- refused
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.node.Stats()
	to <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1)
	for _, m := range table {
		if v := m.Value(&s); !math.IsNaN(v) {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, v)
		}
	}
	for _, r := range exposition.Reasons {
		to <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(r.Count(&s.Refused)), r.Name)
	}
}
