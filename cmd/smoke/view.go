package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// viewing is the way in which a command reads a network: from the dashboard of one of its
// nodes, or by joining it for a moment.
type viewing struct {
	join   joining
	url    string
	within time.Duration
	asJSON bool
}

// defaultURL is where `smoke node --http` serves if the flag has no value.
const (
	defaultHTTP = "127.0.0.1:8496"
	defaultURL  = "http://" + defaultHTTP + mount
	mount       = "/debug/smoke/"
)

const viewHelp = `
It reads the dashboard of a node, which ` + "`smoke node --http`" + ` serves: at --url, or
SMOKESIGNAL_URL, or ` + defaultURL + `. With --seeds it joins the network
itself for a moment instead. The output then has no line for the node that was asked.`

func newViewing() *viewing { return &viewing{join: joining{isGuest: true}} }

func (v *viewing) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&v.url, "url", "", "`URL` of the dashboard of a node")
	v.join.flags(f)
	f.DurationVar(&v.within, "within", 5*time.Second, "give up after that time")
	f.BoolVar(&v.asJSON, "json", false, "print JSON")
}

// mesh is a snapshot of the network.
type mesh struct {
	meshview.Picture
	isGuest bool // seen by a guest, which does not count as one of the nodes
}

// eyes can take several snapshots of a network.
type eyes interface {
	look(ctx context.Context) (*mesh, error)
	close() error
}

// open connects to a dashboard or joins the network. If the error is errNobody, it has been
// printed.
func (v *viewing) open(ctx context.Context, cmd *cobra.Command) (eyes, error) {
	if v.within <= 0 {
		return nil, usageError{fmt.Errorf("--within is %v: write a duration such as 5s", v.within)}
	}
	if !cmd.Flags().Changed("seeds") {
		return v.dashboard(cmd)
	}
	if v.url != "" {
		return nil, usageError{errors.New("--url and --seeds: write one of the two")}
	}
	o, err := v.join.valid(cmd.Flags())
	if err != nil {
		return nil, err
	}
	logTo(&o, cmd.ErrOrStderr(), logrus.ErrorLevel, v.asJSON)
	node := smoke.CreateNode(o)
	if err := node.Start(); err != nil {
		return nil, err
	}
	if err := find(ctx, node, o, v.within); err != nil {
		return nil, errors.Join(err, leave(node))
	}
	return guest{node, v.within}, nil
}

// see takes one snapshot of the network.
func (v *viewing) see(cmd *cobra.Command) (*mesh, error) {
	ctx, release := interruptible(cmd)
	defer release()
	e, err := v.open(ctx, cmd)
	if err != nil {
		return nil, err
	}
	m, err := e.look(ctx)
	return m, errors.Join(err, e.close())
}

// guest reads a network with its own node.
type guest struct {
	node   *smoke.Node
	within time.Duration
}

func (g guest) look(ctx context.Context) (*mesh, error) {
	ctx, cancel := context.WithTimeout(ctx, g.within)
	defer cancel()
	m := &mesh{isGuest: true}
	_, err := g.node.Survey(ctx, func(info smoke.NodeInfo) {
		if info.ID != g.node.ID() {
			m.Nodes = append(m.Nodes, meshview.NodeView{NodeInfo: info})
		}
	})
	if err != nil && !errors.Is(err, smoke.ErrIncomplete) {
		return nil, err
	}
	for i := range m.Nodes { // leaves out this guest
		n := &m.Nodes[i]
		others := n.Links[:0]
		for _, l := range n.Links {
			if l.Peer != g.node.ID() {
				others = append(others, l)
			}
		}
		n.Degree -= len(n.Links) - len(others)
		n.Links = others
	}
	m.Complete = err == nil
	m.Arrange()
	return m, nil
}

func (g guest) close() error { return leave(g.node) }

// window reads a network from the dashboard of a node.
type window struct {
	base   *url.URL
	within time.Duration
}

func (v *viewing) dashboard(cmd *cobra.Command) (window, error) {
	text := v.url
	for _, other := range []string{os.Getenv("SMOKESIGNAL_URL"), defaultURL} {
		if text == "" {
			text = other
		}
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return window{}, usageError{fmt.Errorf("--url is %q: write the URL of a dashboard, such as %s", text, defaultURL)}
	}
	if base.Path == "" || base.Path == "/" {
		base.Path = mount
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	return window{base, v.within}, nil
}

func (w window) look(ctx context.Context) (*mesh, error) {
	ctx, cancel := context.WithTimeout(ctx, w.within)
	defer cancel()
	at := w.base.JoinPath("api/mesh")
	a, err := retrieve(ctx, at)
	if err != nil && !isAnswered(err) {
		return nil, &nobodyThere{fmt.Errorf("no dashboard at %s: %w; start a node with `smoke node --http %s`, or use --seeds", w.base, err, w.base.Host)}
	}
	if err == nil && a.code != http.StatusOK {
		err = fmt.Errorf("it says %s", a.status)
	}
	m := &mesh{}
	if err == nil {
		err = json.Unmarshal(a.body, &m.Picture)
	}
	if err != nil {
		return nil, fmt.Errorf("the server at %s is not a dashboard: %w", at, err)
	}
	return m, nil
}

func (w window) close() error { return nil }

// isAnswered reports whether the connection was accepted by a server that does not speak
// HTTP.
func isAnswered(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return !(ok && op.Op == "dial") && !transport.IsTimeout(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// nobodyThere is an error that ends a command with exit code 3, because no node answered.
type nobodyThere struct{ error }

func (e *nobodyThere) Unwrap() error { return e.error }

// find returns the one node whose id begins with name, or whose address is name.
func (m *mesh) find(name string) (*meshview.NodeView, error) {
	var found []*meshview.NodeView
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if n.Addr == name || strings.HasPrefix(n.ID.String(), strings.ToLower(name)) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, usageError{fmt.Errorf("%q is not a node of the network: write the beginning of an id, or an address; `smoke nodes` lists them", name)}
	case 1:
		return found[0], nil
	}
	return nil, usageError{fmt.Errorf("%q may be %d nodes: write more of the id", name, len(found))}
}

// self returns the node whose dashboard was read, or nil for a guest.
func (m *mesh) self() *meshview.NodeView {
	for i := range m.Nodes {
		if m.Nodes[i].ID == m.Self && !m.isGuest {
			return &m.Nodes[i]
		}
	}
	return nil
}
