package meshview_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

// show serves the page with a changing mesh of 60 nodes: events pass, and every half minute
// it is partitioned and heals. Use it to work on the page:
//
//	go test -timeout 0 ./internal/meshview -preview localhost:8080
//
// Files are read again for each request.
func show(addr string) error {
	f := &fake{mesh: alive(0)}
	// It ends with the program.
	go func() {
		n := 0
		for range time.Tick(500 * time.Millisecond) {
			n++
			mesh := alive(n)
			f.show(mesh)
			f.emit(eventJSON{
				At: mesh.At, Name: "chat", Origin: mesh.Nodes[rand.IntN(len(mesh.Nodes))].ID,
				Seq: uint64(n), Size: 120, Text: fmt.Sprintf(`["this is no. %d"]`, n),
			})
		}
	}()
	fmt.Fprintf(os.Stderr, "http://%s/debug/smoke/\n", addr)
	return http.ListenAndServe(addr, f.handler())
}

// alive returns the mesh after n half seconds.
func alive(n int) meshJSON {
	mesh := madeUp(60, 1+n/60%2)
	mesh.At, mesh.CanEmit, mesh.Controls = float64(n)/2, true, []string{"cut", "heal"}
	for i := range mesh.Nodes {
		mesh.Nodes[i].Delivered += uint64(n)
	}
	if n/20%3 == 1 {
		mesh.silence(7)
		mesh.Nodes[3].Links[0].Lag = 1000 * n
		mesh.Problems = []problemJSON{{Text: "1 node does not answer any more.", Do: "See whether its process runs."}}
	}
	return mesh
}
