package smoke

import (
	"context"
	"runtime/debug"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/census"
)

// Info returns the information that this node reports about itself. Before Start and after
// Stop it has only the ID and the version.
func (n *Node) Info() NodeInfo {
	if l, err := n.life(); err == nil {
		if digest, ok := l.driver.Describe(); ok {
			return newNodeInfo(digest)
		}
	}
	return NodeInfo{ID: n.id, Version: version(), Links: []LinkInfo{}, Left: []ID{}}
}

// Survey asks all nodes of the network, including this one, for their [NodeInfo]. It calls
// report for each answer, on the caller's goroutine. It returns the number of nodes, like
// Count. If all nodes answer, it returns after some round trips, else after 1.5 seconds,
// with [ErrIncomplete].
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
	l, err := n.life()
	if err != nil {
		return 0, err
	}
	return l.driver.Survey(ctx, func(digest census.Digest) { report(newNodeInfo(digest)) })
}

// stamp is the version of a build from which the program can't read its version, such as
// the build of an image: go build -ldflags "-X
// github.com/smokesignal-go/smokesignal/smoke.stamp=v1.2.3".
var stamp string

// version returns the version of this library in the program, as far as the program knows
// it.
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
