package smoke

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
)

// NodeInfo is the state of a node at one moment, as the node reports it. [Node.Info]
// returns that of this node; [Node.Survey] collects those of all nodes. The data of
// another node is a claim of that node and is not verified.
//
// The JSON form is the same for the dashboard and for `smoke status --json`. Durations
// are numbers of seconds, IDs are texts, and lists are never null.
type NodeInfo struct {
	ID        ID      `json:"id"`
	Addr      string  `json:"addr"`      // the advertised address, "host:port"; empty if the node has none
	Version   string  `json:"version"`   // of this library in the program; empty if not known
	Uptime    Seconds `json:"uptime"`    // since Start
	Component ID      `json:"component"` // names the part of the network, as in Netsplit.Ours; zero if not known
	MinPeers  int     `json:"minPeers"`
	MaxPeers  int     `json:"maxPeers"`  // 0: no limit
	Known     int     `json:"known"`     // addresses in the address book
	Queued    int     `json:"queued"`    // events that wait for handlers
	History   int     `json:"history"`   // bytes of events in the history
	SeedsLost int     `json:"seedsLost"` // seeds that do not answer

	Emitted    uint64 `json:"emitted"`    // events that the node emitted, since Start
	Delivered  uint64 `json:"delivered"`  // events of other nodes, each once, since Start
	Duplicates uint64 `json:"duplicates"` // events that arrived again, since Start
	Gaps       uint64 `json:"gaps"`       // calls of OnGap, since Start
	Refused    uint64 `json:"refused"`    // the sum of the counters in Refused

	Degree int        `json:"degree"` // number of neighbours
	Links  []LinkInfo `json:"links"`  // links to neighbours; 24 at most
	Left   []ID       `json:"left"`   // neighbours that have called Stop or Shutdown in the last minute; 8 at most
}

// LinkInfo describes a link, as the node at one of its ends reports it.
type LinkInfo struct {
	Peer    ID      `json:"peer"`    // the node at the other end
	RTT     Seconds `json:"rtt"`     // the last measured round trip; 0 if not measured at this end
	Eager   bool    `json:"eager"`   // events are pushed on the link; else they are announced
	Dialled bool    `json:"dialled"` // this end dialled
	Lag     int     `json:"lag"`     // bytes of events that wait for the link
}

// Seconds is a duration as a number of seconds, which is also its JSON form.
type Seconds float64

// Duration returns s as a [time.Duration].
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// newNodeInfo converts a digest. The simulator of cmd/smoke does the same for its nodes.
func newNodeInfo(g census.Digest) NodeInfo {
	n := NodeInfo{
		ID: g.Node.ID, Addr: g.Addr, Version: g.Version, Uptime: seconds(g.Age), Component: g.Component,
		MinPeers: int(g.MinPeers), MaxPeers: int(g.MaxPeers), Known: int(g.Known), Queued: int(g.Queued),
		History: int(g.History), SeedsLost: int(g.SeedsLost), Emitted: g.Emitted, Delivered: g.Delivered,
		Duplicates: g.Duplicates, Gaps: g.Gaps, Refused: g.Refused, Degree: int(g.Degree),
		Links: make([]LinkInfo, len(g.Links)), // not nil, so that JSON has []
	}
	n.Left = append([]ID{}, g.Left...)
	for i, l := range g.Links {
		n.Links[i] = LinkInfo{Peer: l.Peer, RTT: seconds(l.RTT), Eager: l.Eager, Dialled: l.Dialled, Lag: int(l.Lag)}
	}
	return n
}
