package main

import (
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// simulatedInfo returns for a simulated node what Node.Survey of package smoke reports
// about a real one.
func simulatedInfo(g census.Digest) smoke.NodeInfo {
	n := smoke.NodeInfo{
		ID: g.Node.ID, Addr: g.Addr, Version: g.Version, Uptime: smoke.Seconds(g.Age.Seconds()), Component: g.Component,
		MinPeers: int(g.MinPeers), MaxPeers: int(g.MaxPeers), Known: int(g.Known), Queued: int(g.Queued),
		History: int(g.History), SeedsLost: int(g.SeedsLost), Emitted: g.Emitted, Delivered: g.Delivered,
		Duplicates: g.Duplicates, Gaps: g.Gaps, Refused: g.Refused, Degree: int(g.Degree),
		Links: make([]smoke.LinkInfo, len(g.Links)), // not nil, so that JSON has []
	}
	n.Left = append([]smoke.ID{}, g.Left...)
	for i, l := range g.Links {
		n.Links[i] = smoke.LinkInfo{Peer: l.Peer, RTT: smoke.Seconds(l.RTT.Seconds()), Eager: l.Eager, Dialled: l.Dialled, Lag: int(l.Lag)}
	}
	return n
}
