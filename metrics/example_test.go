package metrics_test

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/smokesignal-go/smokesignal/metrics"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// The metrics of a node at /metrics.
func ExampleNew() {
	node := smoke.CreateNode(smoke.Options{Network: "example"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(node))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, family := range families {
		if family.GetName() == "smokesignal_peers" {
			fmt.Println(family.GetHelp(), family.GetMetric()[0].GetGauge().GetValue())
		}
	}
	// Output: Neighbours of the node. 0
}
