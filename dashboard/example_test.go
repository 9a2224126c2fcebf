package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// The page and the probes of a node below a path of the program's HTTP server.
func ExampleNew() {
	node := smoke.CreateNode(smoke.Options{Network: "example dashboard"})
	mux := http.NewServeMux()
	mux.Handle("/debug/smoke/", dashboard.New(node))

	ready := func() int {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/debug/smoke/readyz", nil))
		return w.Code
	}
	fmt.Println("before Start:", ready())
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Stop()
	fmt.Println("after Start, without seeds:", ready())
	// Output:
	// before Start: 503
	// after Start, without seeds: 200
}

// Hosts has the names under which a browser reaches the page, for example behind a proxy.
func ExampleNewWith() {
	node := smoke.CreateNode(smoke.Options{Network: "example dashboard"})
	page := dashboard.NewWith(node, dashboard.Options{Hosts: []string{"mesh.example.org"}})
	for _, host := range []string{"mesh.example.org", "other.example.org"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+host+"/debug/smoke/api/options", nil))
		fmt.Println(host, w.Code)
	}
	// Output:
	// mesh.example.org 200
	// other.example.org 421
}
