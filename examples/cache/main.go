// Cache runs a cache on each of several servers and keeps them correct. An instance that
// changes a value notifies the others. An instance that has missed an event forgets
// everything. The values are in a folder of files. In two terminals, after mkdir values:
//
//	SMOKE_PORT=8490 go run ./examples/cache -http 127.0.0.1:8081 -dir values
//	SMOKE_SEEDS=127.0.0.1:8490 go run ./examples/cache -http 127.0.0.1:8082 -dir values
//
// and in a third one:
//
//	curl -X PUT -d blue 127.0.0.1:8081/colour
//	curl 127.0.0.1:8082/colour
//
// The file cache.go has the code that uses the library.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	addr := flag.String("http", "127.0.0.1:8081", "address on which to read and change values")
	dir := flag.String("dir", ".", "folder of the values, the same for all servers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *dir); err != nil {
		log.Fatal(err)
	}
}

// run runs one server.
func run(ctx context.Context, addr, dir string) error {
	options, err := smoke.FromEnv()
	if err != nil {
		return err
	}
	if options.Network == "" {
		options.Network = "cache" // keeps it apart from other programs
	}
	root, err := os.OpenRoot(dir) // no key leads out of this folder
	if err != nil {
		return err
	}
	defer root.Close()
	node := smoke.CreateNode(options)
	server := &http.Server{
		Addr: addr, Handler: newCache(node, files{root}), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 10 * time.Second,
	}
	if err := node.Start(); err != nil {
		return err
	}
	fmt.Printf("http://%s, a node at %s\n", addr, node.Addr())
	off := context.AfterFunc(ctx, func() { server.Close() })
	defer off()
	if err = server.ListenAndServe(); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, node.Stop())
}

// ServeHTTP answers GET /key, and PUT /key with the value as the body.
func (c *cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Path[1:]
	var value string
	var err error
	switch r.Method {
	case http.MethodGet:
		value, err = c.Get(key)
	case http.MethodPut:
		var body []byte
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)); err == nil {
			err = c.Set(key, string(body))
		}
	default:
		http.Error(w, "only GET and PUT are supported", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case errors.Is(err, errNoKey):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusNoContent)
	default:
		fmt.Fprintln(w, value)
	}
}

// files is a store: a file for each key.
type files struct{ dir *os.Root }

func (f files) Load(key string) (string, error) {
	text, err := f.dir.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errNoKey
	}
	return string(text), err
}

func (f files) Save(key, value string) error {
	return f.dir.WriteFile(key, []byte(value), 0o644)
}
