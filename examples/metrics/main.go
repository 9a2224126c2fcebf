// Metrics runs a node and serves its metrics for Prometheus: http://127.0.0.1:9464/metrics
//
//	SMOKE_PORT=8488 go run ./examples/metrics
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/smokesignal-go/smokesignal/metrics"
	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	options, err := smoke.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	node := smoke.CreateNode(options)
	if err := node.Start(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/metrics", figures(node))
	server := &http.Server{
		Addr: "127.0.0.1:9464", Handler: http.DefaultServeMux, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

// figures serves the metrics of a node.
func figures(node *smoke.Node) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(node))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
