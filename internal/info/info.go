// Package info defines how a node describes itself to programs and web pages. Package
// smoke exports these types.
package info

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
)

// Node is the state of a node at one moment, as that node reports it. A report of
// another node is a claim that nothing proves. All pages and commands use the same JSON
// form; durations are in seconds.
type Node struct {
	ID        ident.ID `json:"id"`
	Addr      string   `json:"addr"`    // that it advertises; may be empty
	Version   string   `json:"version"` // of this library in the program; may be empty
	Uptime    Seconds  `json:"uptime"`
	Component ident.ID `json:"component"` // the lowest ID that the node has heard a beacon from; zero: none
	MinPeers  int      `json:"minPeers"`
	MaxPeers  int      `json:"maxPeers"` // 0: no limit
	Known     int      `json:"known"`    // addresses in its book
	Queued    int      `json:"queued"`   // events that wait for its handlers
	History   int      `json:"history"`  // bytes of events in its history
	SeedsLost int      `json:"seedsLost"`

	// Counters since the start of the node.
	Emitted    uint64 `json:"emitted"`
	Delivered  uint64 `json:"delivered"`
	Duplicates uint64 `json:"duplicates"`
	Gaps       uint64 `json:"gaps"`
	Refused    uint64 `json:"refused"` // sum of its Refused counters

	Degree int    `json:"degree"` // number of neighbours
	Links  []Link `json:"links"`  // links to neighbours, at most 24
	// Left are the neighbours that stopped with a goodbye in the last minute, at most
	// 8.
	Left []ident.ID `json:"left"`
}

// Link is a link as one of its ends reports it.
type Link struct {
	Peer    ident.ID `json:"peer"`
	RTT     Seconds  `json:"rtt"`     // round trip; 0: not measured yet, or only the other end measures it
	Eager   bool     `json:"eager"`   // events are pushed on it
	Dialled bool     `json:"dialled"` // this end dialled
	Lag     int      `json:"lag"`     // bytes of events that wait to be sent on it
}

// Seconds is a duration that JSON encodes as a number of seconds.
type Seconds float64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Of converts a digest.
func Of(g census.Digest) Node {
	n := Node{
		ID: g.Node.ID, Addr: g.Addr, Version: g.Version, Uptime: seconds(g.Age), Component: g.Component,
		MinPeers: int(g.MinPeers), MaxPeers: int(g.MaxPeers), Known: int(g.Known), Queued: int(g.Queued),
		History: int(g.History), SeedsLost: int(g.SeedsLost), Emitted: g.Emitted, Delivered: g.Delivered,
		Duplicates: g.Duplicates, Gaps: g.Gaps, Refused: g.Refused, Degree: int(g.Degree),
		Links: make([]Link, len(g.Links)), // not nil: JSON encodes it as []
	}
	n.Left = append([]ident.ID{}, g.Left...)
	for i, l := range g.Links {
		n.Links[i] = Link{Peer: l.Peer, RTT: seconds(l.RTT), Eager: l.Eager, Dialled: l.Dialled, Lag: int(l.Lag)}
	}
	return n
}
