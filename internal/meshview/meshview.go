// Package meshview serves a live picture of a mesh: one page, and its JSON. The data come
// from a [Mesh]: a node or a simulation.
//
// While no client asks, the mesh is not queried. While a page is open, and for five seconds
// after a request for JSON, all nodes are surveyed twice a second. If there are more than
// 200 nodes, surveys are less frequent.
//
// The page is embedded, loads nothing from other hosts, and needs no build.
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

// Mesh is the source of the data. Its methods may be called by many goroutines.
type Mesh interface {
	// ID returns the ID of the node that serves the page.
	ID() smoke.ID
	// Survey does what [smoke.Node.Survey] does.
	Survey(ctx context.Context, told func(smoke.NodeInfo)) (nodes int, err error)
	// Options returns the options of the node that serves the page, without secrets.
	Options() []Setting
	// Health is the content of /readyz.
	Health() Health
	// OnEvent calls fn for events until off is called. It may skip events, and counts them
	// in the field Skipped of the next one.
	OnEvent(fn func(Event)) (off func())
	// OnNotice calls fn for notices, as text.
	OnNotice(fn func(text string))
}

// Emitter is a mesh into which a client can emit.
type Emitter interface {
	// CanEmit reports whether emitting is enabled. MayEmit reports whether this token
	// permits it.
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

// Event is one event of the mesh, as the page shows it.
type Event struct {
	At     float64  `json:"at"` // seconds since the board was made
	Name   string   `json:"name"`
	Origin smoke.ID `json:"origin"`
	Seq    uint64   `json:"seq"`
	Size   int      `json:"size"`
	Text   string   `json:"text"` // its arguments, truncated
	// Skipped counts the events since the last one that were not shown.
	Skipped int `json:"skipped"`
}

// Health is the content of /readyz.
type Health struct {
	State string `json:"state"` // "found", "looking" or "failed"
	Text  string `json:"text"`
	Peers int    `json:"peers"`

	// Reason and Tried are set if the node looks for neighbours and every node refuses it;
	// see [smoke.Refusal].
	Reason string  `json:"reason,omitempty"`
	Tried  []Tried `json:"tried,omitempty"`
}

// Tried is an address that did not lead to a link.
type Tried struct {
	Addr   string `json:"addr"`
	Reason string `json:"reason"`
}

const (
	period      = 500 * time.Millisecond // between surveys
	periodNodes = 200                    // up to this many nodes; above, the period grows
	maxSurveys  = 4                      // surveys at one time; one that gets no answers takes three periods
	slack       = 200 * time.Millisecond // for an answer, in addition to two periods
	forgetAfter = 5 * time.Minute        // for a silent node
	maxNodes    = 5000                   // stored nodes; a node that reports more lies, or the page can't show them
	longest     = 5 * time.Second        // longest period
	atLeast     = 200 * time.Millisecond // between surveys for JSON requests
	maxWatchers = 32
	maxNotices  = 20
	linger      = 5 * time.Second        // surveys continue after a JSON request
	firstLook   = 2 * time.Second        // a JSON request waits this long for all answers
	nextLook    = 300 * time.Millisecond // as firstLook, but while surveys run, since silent nodes are known then
)

// Board is the handler. See [New].
type Board struct {
	mesh Mesh
	mux  *http.ServeMux
	born time.Time

	mu           sync.Mutex // guards everything below
	nodes        map[smoke.ID]*seen
	complete     bool // the last survey was complete
	notices      []Notice
	watchers     map[*watcher]struct{}
	wanted       time.Time // a JSON client needs surveys until then; watchers count separately
	looking      bool      // the survey goroutine runs
	lookingSince time.Time
	sharedAt     time.Time     // when the last survey for JSON requests began
	shared       chan struct{} // closed when it has ended; nil before the first
	wholeAt      time.Time     // the start of the last complete survey
	parts        int           // of the mesh, at the last check
	partsSince   time.Time     // when the mesh came to have that number
	notedParts   int           // the number of parts that the last notice reported
	cut          cut
	healed       time.Time // when the last partition ended; zero: long ago
	healedCut    cut
	healHeard    time.Time // when the mesh reported a heal
}

// seen is a node, and when it last answered.
type seen struct {
	smoke.NodeInfo
	at        time.Time
	past      []sample  // of the last seconds, oldest first
	lostAt    time.Time // when its losses last grew; zero: never
	wasSilent bool      // at the last check
}

// Notice is a message about a change of the mesh.
type Notice struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

//go:embed page
var page embed.FS

// policy prevents the page from contacting other hosts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// New makes the handler. It can be served below any path, because it looks only at the end
// of the path.
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

// fileTypes are the types of the page's files. http.FileServer would use the tables of the
// machine, and a browser refuses a script that these call text/plain.
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
	w.Write(content) // the client may have left
}

// routes are the ends of paths that are not files of the page.
var routes = []string{"/livez", "/readyz", "/api/"}

// ServeHTTP implements http.Handler. The path may have any prefix.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	below, ok := b.below(r.URL.Path)
	if !ok && !strings.Contains(below, ".") {
		// Without the final slash, the page would request its files from the parent path.
		http.Redirect(w, r, "./"+pathpkg.Base(r.URL.Path)+"/", http.StatusMovedPermanently)
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); strings.HasPrefix(below, "/api/") && (site == "cross-site" || site == "same-site") {
		// A survey costs all nodes something, so pages of other sites are refused.
		writeText(w, http.StatusForbidden, "a page from another site may not ask here")
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = below, ""
	http.NewCrossOriginProtection().Handler(b.mux).ServeHTTP(w, inner)
}

// below returns the part of a path that belongs to the board. It returns false if the final
// slash is missing.
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

// readyz must depend on this node only, because a supervisor kills a program whose answer
// hangs.
func (b *Board) readyz(w http.ResponseWriter, r *http.Request) {
	health := b.mesh.Health()
	code := http.StatusServiceUnavailable
	if health.State == "found" || health.State == "looking" && r.URL.Query().Get("alone") == "ok" {
		code = http.StatusOK
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(health) // the client may have left
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
	w.Write(text) // the client may have left
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	w.Write([]byte(text + "\n")) // the client may have left
}

var errTooManyWatchers = errors.New("too many pages are open; close some")
