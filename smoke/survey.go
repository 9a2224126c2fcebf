package smoke

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
)

// Info returns what this node reports of itself. Before Start and after Stop it has only
// the ID and the version.
func (n *Node) Info() NodeInfo {
	d, err := n.life()
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.machine != nil {
			return newNodeInfo(d.machine.Describe(time.Now()))
		}
	}
	return NodeInfo{ID: n.id, Version: version(), Links: []LinkInfo{}, Left: []ID{}}
}

// Survey asks all nodes of the network, including this one, for their [NodeInfo]. It
// calls report for each answer, on the caller's goroutine. It returns the number of nodes
// like Count: after some round trips if all nodes answer, else after 1.5 seconds, with
// [ErrIncomplete].
//
// A survey costs two small frames for each link, and about 200 bytes for each node and
// each link that its answer passes. A node forwards 4096 answers at most, and eight
// surveys a second from one neighbour.
//
// Other errors: that of ctx, [ErrNotStarted], [ErrStopped], and [ErrPanicked] if report
// panics.
func (n *Node) Survey(ctx context.Context, report func(NodeInfo)) (nodes int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	d, err := n.life()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &survey{more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	var r result
	go func() { // ends with call, which ends with ctx, with the answer, or with the life of the node; this function waits for it
		defer close(ended)
		r, err = d.call(ctx, func(now time.Time, token uint64) {
			d.surveys[token] = s
			d.machine.Survey(now, token, d)
		})
	}()
	for open := true; open; {
		select {
		case <-s.more:
		case <-ended:
			open = false
		}
		for _, digest := range s.take() {
			if err := d.outside.Protect("the function of Survey", func() { report(newNodeInfo(digest)) }); err != nil {
				cancel()
				<-ended
				return 0, err
			}
		}
	}
	if err == nil && !r.complete {
		err = ErrIncomplete
	}
	return int(r.nodes), err
}

// survey is the answers that have come and were not taken.
type survey struct {
	more chan struct{} // there are some

	mu      sync.Mutex // guards waiting
	waiting []census.Digest
}

func (s *survey) take() []census.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.waiting
	s.waiting = nil
	return list
}

// Told implements overlay.Out.
func (d *driver) Told(token uint64, digests []census.Digest) {
	s := d.surveys[token]
	if s == nil {
		return // the caller has gone
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, digests...)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// describe adds to what the machine tells of this node. It is called inside a step.
func (d *driver) describe(g *census.Digest) {
	g.Version = version()
	g.Queued = uint64(d.events.Stats().Queued)
	r := d.refusals.counts()
	g.Refused += r.Handshakes + r.NotAdmitted + r.Incompatible + r.Backlog + r.RateLimited + r.Frames + r.Floods
}

// stamp is the version of a build that the program can't know it of, such as that of an
// image: go build -ldflags "-X github.com/smokesignal-go/smokesignal/smoke.stamp=v1.2.3".
var stamp string

// version is that of this library in the program, as far as the program knows it.
var version = sync.OnceValue(func() string {
	if stamp != "" {
		return stamp[:min(len(stamp), census.MaxVersion)]
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	const path = "github.com/smokesignal-go/smokesignal"
	v := ""
	if build.Main.Path == path {
		v = build.Main.Version
	}
	for _, m := range build.Deps {
		if m.Path == path {
			v = m.Version
		}
	}
	return v[:min(len(v), census.MaxVersion)]
})
