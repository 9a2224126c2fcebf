// Package info is what nodes say of themselves, in the form in which programs and pages
// get it. Package smoke hands it on.
package info

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
)

// Node is what a node says of itself, at one moment. Of a node that is not one's
// own it is what somebody claims. Its form as JSON is the same wherever it is shown;
// durations are in seconds.
type Node struct {
	ID        ident.ID `json:"id"`
	Addr      string   `json:"addr"`    // that it tells others; may be empty
	Version   string   `json:"version"` // of this library in the program; may be empty
	Uptime    Seconds  `json:"uptime"`
	Component ident.ID `json:"component"` // the lowest beaconing node that it hears; zero if it hears none
	MinPeers  int      `json:"minPeers"`
	MaxPeers  int      `json:"maxPeers"` // 0: no limit
	Known     int      `json:"known"`    // addresses in its book
	Queued    int      `json:"queued"`   // events that wait for its handlers
	History   int      `json:"history"`  // bytes of events that it keeps
	SeedsLost int      `json:"seedsLost"`

	// Counted since it started.
	Emitted    uint64 `json:"emitted"`
	Delivered  uint64 `json:"delivered"`
	Duplicates uint64 `json:"duplicates"`
	Gaps       uint64 `json:"gaps"`
	Refused    uint64 `json:"refused"` // the sum of its Refused

	Degree int    `json:"degree"` // neighbours
	Links  []Link `json:"links"`  // to them; 24 at most
	// Left are neighbours that have stopped in order in the last minute; 8 at most.
	Left []ident.ID `json:"left"`
}

// Link is a link as one of its ends sees it.
type Link struct {
	Peer    ident.ID `json:"peer"`
	RTT     Seconds  `json:"rtt"`     // round trip; 0: not measured yet, or the other end does so
	Eager   bool     `json:"eager"`   // events are pushed on it
	Dialled bool     `json:"dialled"` // by this end
	Lag     int      `json:"lag"`     // bytes of events that wait for it
}

// Seconds is a duration that is a number of seconds in JSON.
type Seconds float64

// Duration is the same as what package time has.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Of is what a digest says.
func Of(g census.Digest) Node {
	n := Node{
		ID: g.Node.ID, Addr: g.Addr, Version: g.Version, Uptime: seconds(g.Age), Component: g.Component,
		MinPeers: int(g.MinPeers), MaxPeers: int(g.MaxPeers), Known: int(g.Known), Queued: int(g.Queued),
		History: int(g.History), SeedsLost: int(g.SeedsLost), Emitted: g.Emitted, Delivered: g.Delivered,
		Duplicates: g.Duplicates, Gaps: g.Gaps, Refused: g.Refused, Degree: int(g.Degree),
		Links: make([]Link, len(g.Links)), // not nil: JSON has [] for it
	}
	n.Left = append([]ident.ID{}, g.Left...)
	for i, l := range g.Links {
		n.Links[i] = Link{Peer: l.Peer, RTT: seconds(l.RTT), Eager: l.Eager, Dialled: l.Dialled, Lag: int(l.Lag)}
	}
	return n
}
