package metrics_test

import (
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
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}
