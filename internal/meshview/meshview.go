// Package meshview serves the live picture of a mesh: one page, and the JSON behind it.
// What it shows is a [Mesh]: what a node sees, or a simulation.
//
// Nothing is asked of the mesh while nobody looks. With a page open, or for a moment
// after a question for its JSON, all nodes are surveyed twice a second; more rarely
// where they are many.
//
// The page is embedded, loads nothing from anywhere else, and needs no build.
package meshview

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	pathpkg "path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Mesh is what is shown. Its methods may be called by many goroutines.
type Mesh interface {
	// ID is the node through which one looks.
	ID() smoke.ID
	// Survey is that of [smoke.Node].
	Survey(ctx context.Context, told func(smoke.NodeInfo)) (nodes int, err error)
	// Options are how that node is set up, without what is secret.
	Options() []Setting
	// Health is what /readyz says.
	Health() Health
	// OnEvent has fn called for events until off. It may leave some out, and tell of that
	// by Skipped.
	OnEvent(fn func(Event)) (off func())
	// OnNotice has fn called for what happens, in words.
	OnNotice(fn func(text string))
}

// Emitter is a mesh into which one can emit.
type Emitter interface {
	// CanEmit reports whether anybody may; MayEmit, who has that token.
	CanEmit() bool
	MayEmit(token string) bool
	Emit(ctx context.Context, name string, args []any) error
}

// Controller is a mesh with buttons.
type Controller interface {
	Controls() []string
	Control(name string) error
}

// Setting is one option and its value.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Event is one that passed.
type Event struct {
	At     float64  `json:"at"` // seconds since the board was made
	Name   string   `json:"name"`
	Origin smoke.ID `json:"origin"`
	Seq    uint64   `json:"seq"`
	Size   int      `json:"size"`
	Text   string   `json:"text"` // its arguments, cut short
	// Skipped is how many were not shown since the last one.
	Skipped int `json:"skipped"`
}

// Health is what /readyz says.
type Health struct {
	State string `json:"state"` // "found", "looking" or "failed"
	Text  string `json:"text"`
	Peers int    `json:"peers"`

	// Reason and Tried are set while the node looks for neighbours and is refused
	// everywhere; see [smoke.Refusal].
	Reason string  `json:"reason,omitempty"`
	Tried  []Tried `json:"tried,omitempty"`
}

// Tried is an address that brought no link.
type Tried struct {
	Addr   string `json:"addr"`
	Reason string `json:"reason"`
}

const (
	period      = 500 * time.Millisecond // between surveys
	periodNodes = 200                    // of so many nodes; of more, longer
	maxSurveys  = 4                      // under way at one time: one that nobody answers takes three periods
	slack       = 200 * time.Millisecond // for an answer, beside two periods
	forgetAfter = 5 * time.Minute        // a node that is silent
	maxNodes    = 5000                   // that are kept: who tells of more is lying, or has more than a page shows
	longest     = 5 * time.Second        // period
	atLeast     = 200 * time.Millisecond // between surveys for those who ask for JSON
	maxWatchers = 32
	maxNotices  = 20
	linger      = 5 * time.Second        // surveys go on after a question for JSON
	firstLook   = 2 * time.Second        // for which who asks for JSON waits for all answers
	nextLook    = 300 * time.Millisecond // the same, while surveys go on: who does not answer is known
)

// Board is the handler. See [New].
type Board struct {
	mesh Mesh
	mux  *http.ServeMux
	born time.Time

	mu           sync.Mutex // guards all below
	nodes        map[smoke.ID]*seen
	complete     bool // the last survey was
	notices      []Notice
	watchers     map[*watcher]struct{}
	wanted       time.Time // somebody wants to know until then, beside the watchers
	looking      bool      // the goroutine is there
	lookingSince time.Time
	sharedAt     time.Time     // when the last survey for who asks for JSON began
	shared       chan struct{} // closed when it has ended; nil before the first
	wholeAt      time.Time     // the beginning of the last survey that was complete
	parts        int           // of the mesh, when it was last looked at
	partsSince   time.Time     // when it was in so many parts for the first time
	notedParts   int           // that a notice tells of
	cut          cut
	healed       time.Time // when the last cut was over; zero: that is long ago
	healedCut    cut
	healHeard    time.Time // when the mesh said that parts have become one
}

// seen is a node, and when it was heard last.
type seen struct {
	smoke.NodeInfo
	at        time.Time
	past      []sample  // of the last seconds, oldest first
	lostAt    time.Time // when more of its events were lost than before; zero: never
	wasSilent bool      // when that was last looked at
}

// Notice is something that happened.
type Notice struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

//go:embed page
var page embed.FS

// policy keeps the page from asking anybody else for anything.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// New makes the handler. It serves below any path: what the path ends with counts.
func New(mesh Mesh) *Board {
	b := &Board{mesh: mesh, mux: http.NewServeMux(), born: time.Now(), nodes: make(map[smoke.ID]*seen), watchers: make(map[*watcher]struct{})}
	mesh.OnNotice(b.onNotice)
	if h, ok := mesh.(Healer); ok {
		h.OnHeal(b.onHeal)
	}
	b.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "alive") })
	b.mux.HandleFunc("GET /readyz", b.readyz)
	b.mux.HandleFunc("GET /api/mesh", b.serveMesh)
	b.mux.HandleFunc("GET /api/stream", b.serveStream)
	b.mux.HandleFunc("GET /api/options", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"options": mesh.Options()})
	})
	b.mux.HandleFunc("POST /api/emit", b.emit)
	b.mux.HandleFunc("POST /api/control/{name}", b.control)
	b.mux.HandleFunc("GET /", serveFile)
	return b
}

// fileTypes holds the types of the files of the page. http.FileServer would ask the
// tables of the machine, and a browser runs no script that they call text/plain.
var fileTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	"":      "text/plain; charset=utf-8",
}

// serveFile serves a file of the page.
func serveFile(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	content, err := page.ReadFile("page" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", fileTypes[pathpkg.Ext(name)])
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content) // a client that is gone gets no answer
}

// routes are the ends of paths that are no files of the page.
var routes = []string{"/livez", "/readyz", "/api/"}

// ServeHTTP implements http.Handler. The path may have anything before what is served.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	below, ok := b.below(r.URL.Path)
	if !ok && !strings.Contains(below, ".") {
		// Without the slash at the end, the page would look for its files beside
		// itself.
		http.Redirect(w, r, "./"+pathpkg.Base(r.URL.Path)+"/", http.StatusMovedPermanently)
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); strings.HasPrefix(below, "/api/") && (site == "cross-site" || site == "same-site") {
		// To ask costs all nodes something, and a page from elsewhere has no business here.
		writeText(w, http.StatusForbidden, "a page from another site may not ask here")
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = below, ""
	http.NewCrossOriginProtection().Handler(b.mux).ServeHTTP(w, inner)
}

// below is the part of a path that is ours; not ok, if it lacks its last slash.
func (b *Board) below(path string) (string, bool) {
	for _, route := range routes {
		if i := strings.LastIndex(path, route); i >= 0 {
			return path[i:], true
		}
	}
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", false
	}
	if vendor := "/vendor"; len(path[:i]) >= len(vendor) && path[i-len(vendor):i] == vendor {
		i -= len(vendor)
	}
	name := path[i:]
	if name == "/" {
		return name, true
	}
	if _, err := fs.Stat(page, "page"+name); err != nil {
		return name, false
	}
	return name, true
}

func (b *Board) since(t time.Time) float64 { return t.Sub(b.born).Seconds() }

// readyz never depends on anything but this node: an answer that hangs would have the
// program ended.
func (b *Board) readyz(w http.ResponseWriter, r *http.Request) {
	health := b.mesh.Health()
	code := http.StatusServiceUnavailable
	if health.State == "found" || health.State == "looking" && r.URL.Query().Get("alone") == "ok" {
		code = http.StatusOK
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(health) // who has hung up does not want it
}

func (b *Board) serveMesh(w http.ResponseWriter, r *http.Request) {
	wait := firstLook
	if b.want() {
		wait = nextLook
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	b.lookShared(ctx)
	writeJSON(w, b.picture())
}

func (b *Board) emit(w http.ResponseWriter, r *http.Request) {
	to, ok := b.mesh.(Emitter)
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !to.CanEmit() || !isBearer || !to.MayEmit(token) {
		writeText(w, http.StatusForbidden, "emitting is off here, or the token is another one")
		return
	}
	var body struct {
		Name string `json:"name"`
		Args []any  `json:"args"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil {
		writeText(w, http.StatusBadRequest, "want JSON such as {\"name\": \"chat\", \"args\": [\"hello\"]}: "+err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := to.Emit(ctx, body.Name, body.Args); err != nil {
		writeText(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *Board) control(w http.ResponseWriter, r *http.Request) {
	to, ok := b.mesh.(Controller)
	if !ok || !slices.Contains(to.Controls(), r.PathValue("name")) {
		writeText(w, http.StatusNotFound, "there is no such button")
		return
	}
	if err := to.Control(r.PathValue("name")); err != nil {
		writeText(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) // who has hung up does not want it
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	w.Write([]byte(text + "\n")) // likewise
}

var errTooManyWatchers = errors.New("too many pages are open; close some")
