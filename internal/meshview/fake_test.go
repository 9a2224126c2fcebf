package meshview_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// The JSON that the server sends to the page.
type (
	meshJSON struct {
		Self     string        `json:"self"`
		Source   string        `json:"source"`
		Controls []string      `json:"controls"`
		CanEmit  bool          `json:"canEmit"`
		At       float64       `json:"at"`
		Complete bool          `json:"complete"`
		Nodes    []nodeJSON    `json:"nodes"`
		Parts    [][]string    `json:"parts"`
		Problems []problemJSON `json:"problems"`
		Notices  []noticeJSON  `json:"notices"`
	}
	nodeJSON struct {
		ID         string     `json:"id"`
		Addr       string     `json:"addr"`
		Uptime     float64    `json:"uptime"`
		Component  string     `json:"component"`
		MinPeers   int        `json:"minPeers"`
		MaxPeers   int        `json:"maxPeers"`
		Known      int        `json:"known"`
		Version    string     `json:"version"`
		History    int        `json:"history"`
		SeedsLost  int        `json:"seedsLost"`
		Degree     int        `json:"degree"`
		Queued     int        `json:"queued"`
		Emitted    uint64     `json:"emitted"`
		Delivered  uint64     `json:"delivered"`
		Duplicates uint64     `json:"duplicates"`
		Gaps       uint64     `json:"gaps"`
		Refused    uint64     `json:"refused"`
		Links      []linkJSON `json:"links"`
		Seen       float64    `json:"seen"`
		Silent     bool       `json:"silent"`
	}
	linkJSON struct {
		Peer    string  `json:"peer"`
		RTT     float64 `json:"rtt"`
		Eager   bool    `json:"eager"`
		Dialled bool    `json:"dialled"`
		Lag     int     `json:"lag"`
	}
	problemJSON struct {
		Node string `json:"node"`
		Text string `json:"text"`
		Do   string `json:"do"`
	}
	noticeJSON struct {
		At   float64 `json:"at"`
		Text string  `json:"text"`
	}
	eventJSON struct {
		At      float64 `json:"at"`
		Name    string  `json:"name"`
		Origin  string  `json:"origin"`
		Seq     uint64  `json:"seq"`
		Size    int     `json:"size"`
		Text    string  `json:"text"`
		Skipped int     `json:"skipped"`
	}
)

// madeUp returns a mesh with that many nodes and parts, the same for the same numbers. Each
// part has a tree and spare links.
func madeUp(nodes, parts int) meshJSON {
	random := rand.New(rand.NewPCG(uint64(nodes), uint64(parts)))
	m := meshJSON{Source: "node", Controls: []string{}, At: 12.5, Complete: true, Problems: []problemJSON{}, Notices: []noticeJSON{}}
	for i := range nodes {
		m.Nodes = append(m.Nodes, nodeJSON{
			ID: fmt.Sprintf("%016x%016x", random.Uint64(), i), Addr: fmt.Sprintf("10.0.%d.%d:7946", i/250, 1+i%250),
			Version: "v1.2.0", History: 200 * i, Uptime: 60 + 3600*random.Float64(), MinPeers: 3, MaxPeers: 5, Known: nodes - 1,
			Emitted: uint64(random.IntN(50)), Delivered: 4000 + uint64(random.IntN(100)), Duplicates: uint64(random.IntN(400)),
			Links: []linkJSON{}, Seen: random.Float64() / 2,
		})
	}
	m.Self = m.Nodes[0].ID
	m.Parts = make([][]string, parts)
	of := make([][]int, parts)
	first := nodes/parts + min(parts-1, nodes/(6*parts)+1) // the first part is the largest
	for i := range m.Nodes {
		p := 0
		if i >= first {
			p = 1 + (i-first)%(parts-1)
		}
		of[p] = append(of[p], i)
		m.Parts[p] = append(m.Parts[p], m.Nodes[i].ID)
	}
	for p, members := range of {
		for n, i := range members {
			m.Nodes[i].Component = m.Parts[p][0]
			if n > 0 {
				m.link(i, members[max(0, n-1-random.IntN(min(n, 4)))], true, random)
			}
		}
		for range members {
			m.link(members[random.IntN(len(members))], members[random.IntN(len(members))], false, random)
		}
	}
	for i := range m.Nodes {
		m.Nodes[i].Degree = len(m.Nodes[i].Links)
	}
	return m
}

// link joins two different nodes, unless they are joined already or have enough links.
func (m *meshJSON) link(a, b int, eager bool, random *rand.Rand) {
	x, y := &m.Nodes[a], &m.Nodes[b]
	if a == b || slices.ContainsFunc(x.Links, func(l linkJSON) bool { return l.Peer == y.ID }) {
		return
	}
	if !eager && (len(x.Links) >= x.MaxPeers || len(y.Links) >= y.MaxPeers) {
		return
	}
	rtt := 0.0004 + 0.004*random.Float64()
	if random.IntN(9) == 0 {
		rtt = 0.3 * random.Float64()
	}
	x.Links = append(x.Links, linkJSON{Peer: y.ID, RTT: rtt, Eager: eager, Dialled: true})
	y.Links = append(y.Links, linkJSON{Peer: x.ID, RTT: rtt, Eager: eager})
}

// silence marks a node as not heard for a while.
func (m *meshJSON) silence(i int) {
	m.Nodes[i].Silent, m.Nodes[i].Seen = true, 9
	for p := range m.Parts {
		m.Parts[p] = slices.DeleteFunc(m.Parts[p], func(id string) bool { return id == m.Nodes[i].ID })
	}
}

// drop removes the link between two nodes.
func (m *meshJSON) drop(a, b int) {
	for _, ends := range [][2]int{{a, b}, {b, a}} {
		n, peer := &m.Nodes[ends[0]], m.Nodes[ends[1]].ID
		n.Links = slices.DeleteFunc(slices.Clone(n.Links), func(l linkJSON) bool { return l.Peer == peer })
	}
}

// clone returns a copy that can be changed while the original is being sent.
func (m meshJSON) clone() meshJSON {
	var c meshJSON
	text, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}

// fake serves the page and made-up data, under /debug/smoke/. Any goroutine may
// use it.
type fake struct {
	mu      sync.Mutex
	mesh    meshJSON
	down    bool // no streams
	streams map[chan string]bool
	posts   []string // the requests that arrived, one per line
	refusal string   // the answer to them; "": accepted
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

func (f *fake) handler() http.Handler {
	page := http.StripPrefix("/debug/smoke/", http.FileServerFS(os.DirFS("page")))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/smoke/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /debug/smoke/api/stream", f.stream)
	mux.HandleFunc("GET /debug/smoke/api/mesh", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		_ = json.NewEncoder(w).Encode(f.mesh)
	})
	mux.HandleFunc("GET /debug/smoke/api/options", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"options":[{"name":"Seeds","value":"[10.0.0.1:7946]"},{"name":"MinPeers","value":"3"},{"name":"PingTimeout","value":"3s"}]}`)
	})
	mux.HandleFunc("POST /debug/smoke/api/{rest...}", f.post)
	return mux
}

func (f *fake) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts = append(f.posts, strings.TrimSpace(r.PathValue("rest")+" "+r.Header.Get("Authorization")+" "+string(body)))
	if f.refusal != "" {
		http.Error(w, f.refusal, http.StatusForbidden)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// stream sends the current mesh and all later messages, until the page leaves or the fake
// is down.
func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	news := make(chan string, 64)
	f.mu.Lock()
	if f.down {
		f.mu.Unlock()
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if f.streams == nil {
		f.streams = make(map[chan string]bool)
	}
	f.streams[news] = true
	news <- message("mesh", f.mesh)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.streams, news)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case text, ok := <-news:
			if !ok {
				return
			}
			_, _ = io.WriteString(w, text)
		case <-again.C:
			f.mu.Lock()
			f.mesh.At += 0.5
			text := message("mesh", f.mesh)
			f.mu.Unlock()
			_, _ = io.WriteString(w, text)
		case <-r.Context().Done():
			return
		}
		w.(http.Flusher).Flush()
	}
}

func message(event string, data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("event: %s\ndata: %s\n\n", event, text)
}

// show replaces the mesh.
func (f *fake) show(m meshJSON) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.At = max(m.At, f.mesh.At)
	f.mesh = m
	f.send(message("mesh", m))
}

// send sends a message to all pages. The caller holds mu, so send must not wait.
func (f *fake) send(text string) {
	for s := range f.streams {
		select {
		case s <- text:
		default:
			panic("the page is told more than it takes; wait for it in between")
		}
	}
}

func (f *fake) emit(e eventJSON) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send(message("event", e))
}

// fall(true) ends all streams and refuses new ones; fall(false) accepts them again.
func (f *fake) fall(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
	for s := range f.streams {
		if down {
			delete(f.streams, s)
			close(s)
		}
	}
}

func (f *fake) refuse(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = why
}

func (f *fake) posted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.posts)
}
