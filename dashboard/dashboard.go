// Package dashboard shows the mesh that a node is part of, live, on a page:
//
//	http.Handle("/debug/smoke/", dashboard.New(node))
//
// Any node shows all nodes: their links and which of these carry events now, round-trip
// times, queues, partitions, events as they pass, and problems as text. The page is
// embedded and loads nothing from other hosts.
//
// Below the path of the page there are also these:
//
//	api/mesh     all that the page shows, as JSON
//	api/options  how this node is set up, without what is secret
//	livez        200 while the program runs; it never depends on peers
//	readyz       200 if the node has neighbours, or none to look for; 503 if it looks
//	             for some ("looking"; with ?alone=ok that is 200), or does not run
//	             ("failed"); with JSON that says so
//
// # Cost
//
// While no client asks, the dashboard costs nothing: nodes report only when they are
// surveyed. While a page is open, all nodes are surveyed twice a second and answer with
// about 200 bytes each; see [smoke.Node.Survey]. If there are more than 200 nodes, they are
// surveyed less often.
//
// # Access
//
// A client that reaches the handler sees addresses, names of events and the beginning of
// their content. The handler has no login: serve it behind the login of your program, or on
// the loopback.
//
// Requests under a foreign host name are refused, because a page elsewhere could point its
// name at the server's address and read the answers (DNS rebinding). The handler answers
// under IP addresses, localhost, and the names of the node ([smoke.Options].Address, Listen
// and Advertise). If you use a proxy or another name, add that name to [Options.Hosts]. The
// page is read-only unless [Options.Token] is set.
package dashboard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Options are the options of a dashboard. The zero value is a read-only page.
type Options struct {
	// Token permits clients that send it to emit events. The page sends it as
	// "Authorization: Bearer …", so serve the page by HTTPS, or on the loopback. ""
	// disables emitting.
	Token string

	// Hosts are additional host names for the page, such as "mesh.example.org", as in the
	// Host of a request; ports do not matter. "*" permits all names: use it only behind a
	// login. Refused requests get 421. livez and readyz answer under all names, but without
	// a body under foreign ones.
	Hosts []string
}

// New makes the handler for a node. It can be served below any path that ends with a slash.
// The node need not be started yet.
func New(node *smoke.Node) http.Handler { return NewWith(node, Options{}) }

// NewWith is New with options.
func NewWith(node *smoke.Node, o Options) http.Handler {
	o.Hosts = slices.Clone(o.Hosts)
	m := &mesh{node: node}
	if o.Token != "" {
		m.token = sha256.Sum256([]byte(o.Token))
		m.canEmit = true
	}
	return meshview.Guard(meshview.New(m), func() meshview.Names { return m.names(o.Hosts) })
}

// names returns the host names of the page.
func (m *mesh) names(more []string) meshview.Names {
	o := m.node.Options()
	return meshview.Names{Node: []string{o.Address, o.Listen, o.Advertise, m.node.Advertised()}, More: more}
}

// mesh is the view of one node. It implements meshview.Mesh and meshview.Emitter.
type mesh struct {
	node    *smoke.Node
	canEmit bool
	token   [sha256.Size]byte
	skipped atomic.Int64 // events that were not shown
	late    atomic.Uint64
}

func (m *mesh) ID() smoke.ID { return m.node.ID() }

func (m *mesh) Survey(ctx context.Context, told func(smoke.NodeInfo)) (int, error) {
	n, err := m.node.Survey(ctx, told)
	if err == smoke.ErrNotStarted || err == smoke.ErrStopped {
		told(m.node.Info())
	}
	return n, err
}

// Health reports whether the node has neighbours.
func (m *mesh) Health() meshview.Health {
	info, o := m.node.Info(), m.node.Options()
	switch {
	case m.node.Advertised() == "" && info.Uptime == 0:
		return meshview.Health{State: "failed", Text: "The node does not run."}
	case info.Degree > 0:
		return meshview.Health{State: "found", Text: "The node is part of a mesh.", Peers: info.Degree}
	case !hasOthers(o.Seeds, info.Addr):
		return meshview.Health{State: "found", Text: "The node waits to be found: it has no seeds to look for."}
	}
	if r, ok := m.node.Refusal(); ok {
		h := meshview.Health{State: "looking", Text: fmt.Sprintf("The node has no neighbours: it is %v.", r), Reason: r.Err.Error()}
		for _, t := range r.Tried {
			h.Tried = append(h.Tried, meshview.Tried{Addr: t.Addr, Reason: t.Err.Error()})
		}
		return h
	}
	return meshview.Health{State: "looking", Text: fmt.Sprintf("The node has no neighbours. It looks for %s.", strings.Join(o.Seeds, ", "))}
}

// hasOthers reports whether a seed may be another node.
func hasOthers(seeds []string, self string) bool {
	for _, s := range seeds {
		if s != self {
			return true
		}
	}
	return false
}

const (
	eventsPerSecond = 50      // examined events; more than a page shows
	longestPreview  = 4 << 10 // bytes of arguments; longer ones are not shown
	longestText     = 200     // characters
	// lateAfter is the age from which an event came out of a history and not over the tree.
	// By default a dead link is found within 5 s, and events of a slow link are requested
	// sooner.
	lateAfter = 2 * time.Second
)

func (m *mesh) OnEvent(fn func(meshview.Event)) (off func()) {
	limit := rate.NewLimiter(eventsPerSecond, eventsPerSecond)
	return m.node.Broadcast().OnAny(func(e smoke.Event) {
		if e.Age() > lateAfter {
			m.late.Add(1)
		}
		if !limit.Allow() {
			m.skipped.Add(1)
			return
		}
		fn(meshview.Event{
			Name: e.Name, Origin: e.Origin, Seq: e.Seq, Size: len(e.Raw()), Text: preview(e),
			Skipped: int(m.skipped.Swap(0)),
		})
	})
}

// preview returns the beginning of an event's arguments.
func preview(e smoke.Event) string {
	if len(e.Raw()) > longestPreview {
		return ""
	}
	args := make([]any, min(e.Len(), 16))
	ptrs := make([]any, len(args))
	for i := range args {
		ptrs[i] = &args[i]
	}
	if err := e.Bind(ptrs...); err != nil {
		return ""
	}
	text, err := json.Marshal(args)
	if err != nil {
		text = fmt.Append(nil, args) // a number or a map that JSON can't represent
	}
	if short := []rune(string(text)); len(short) > longestText {
		return string(short[:longestText]) + "…"
	}
	return string(text)
}

func (m *mesh) OnNotice(fn func(string)) {
	n := m.node
	n.OnConnect(func() { fn("this node found the mesh") })
	n.OnDisconnect(func() { fn("this node lost its last neighbour") })
	n.OnNetsplit(func(s smoke.Netsplit) {
		fn(fmt.Sprintf("netsplit: another part of the mesh was found (%s and %s); merging", s.Ours.Short(), s.Other.Short()))
	})
	n.OnHeal(func(h smoke.Heal) {
		fn(fmt.Sprintf("the parts are one; merging took %v", h.After.Round(time.Millisecond)))
	})
	n.OnGap(func(g smoke.Gap) {
		fn(fmt.Sprintf("%d events of %s are lost to this node", g.Events, g.Origin.Short()))
	})
	n.OnRefused(func(r smoke.Refusal) { fn("this node is " + r.String()) })
	n.OnSeedLost(func(s smoke.SeedLost) { fn(fmt.Sprintf("seed %s does not answer: %v", s.Addr, s.Err)) })
	n.OnSeedBack(func(s smoke.SeedBack) { fn(fmt.Sprintf("seed %s answers again", s.Addr)) })
}

// Tally implements meshview.Tallier.
func (m *mesh) Tally() (late, lost uint64) { return m.late.Load(), m.node.Stats().Missed }

// OnHeal implements meshview.Healer.
func (m *mesh) OnHeal(fn func()) { m.node.OnHeal(func(smoke.Heal) { fn() }) }

func (m *mesh) CanEmit() bool { return m.canEmit }

func (m *mesh) MayEmit(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return m.canEmit && subtle.ConstantTimeCompare(sum[:], m.token[:]) == 1
}

func (m *mesh) Emit(ctx context.Context, name string, args []any) error {
	return m.node.Broadcast().EmitContext(ctx, name, args...)
}

// Options returns the options that are useful to a person.
func (m *mesh) Options() []meshview.Setting {
	o := m.node.Options()
	set := func(is bool) string {
		if is {
			return "set"
		}
		return "not set"
	}
	return []meshview.Setting{
		{Name: "Address", Value: o.Address},
		{Name: "Listening", Value: m.node.Addr()},
		{Name: "Advertised", Value: m.node.Advertised()},
		{Name: "Seeds", Value: strings.Join(o.Seeds, ", ")},
		{Name: "MinPeers", Value: strconv.Itoa(o.MinPeers)},
		{Name: "MaxPeers", Value: strconv.Itoa(o.MaxPeers)},
		{Name: "MaxGuests", Value: strconv.Itoa(o.MaxGuests)},
		{Name: "PingInterval", Value: o.PingInterval.String()},
		{Name: "PingTimeout", Value: o.PingTimeout.String()},
		{Name: "Network", Value: fmt.Sprintf("%q", o.Network)},
		{Name: "History", Value: fmt.Sprintf("%d bytes, %v", o.History.Bytes, o.History.Age)},
		{Name: "MaxPayload", Value: fmt.Sprintf("%d bytes", o.MaxPayload)},
		{Name: "SlowHandler", Value: o.SlowHandler.String()},
		{Name: "StateFile", Value: o.StateFile},
		{Name: "Key", Value: set(o.Key != nil)},
		{Name: "TLS", Value: set(o.TLS != nil)},
		{Name: "Secret", Value: set(o.Secret != "")},
		{Name: "Allow", Value: fmt.Sprintf("%d ids", len(o.Allow))},
		{Name: "Admit", Value: set(o.Admit != nil)},
		{Name: "Signed", Value: strings.Join(o.Signed, ", ")},
		{Name: "InsecurePlaintext", Value: strconv.FormatBool(o.InsecurePlaintext)},
	}
}
