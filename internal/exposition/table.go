package exposition

import (
	"math"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Kind is the type of a metric: a counter or a gauge. Its text is the word for it in the
// format.
type Kind string

const (
	Counter Kind = "counter" // only rises, until the node starts again
	Gauge   Kind = "gauge"
)

// Metric is one figure without a label.
type Metric struct {
	Name  string // without Prefix
	Help  string
	Kind  Kind
	Value func(*smoke.Stats) float64 // NaN if the node does not know the value
}

// Prefix begins the name of each metric.
const Prefix = "smokesignal_"

// The metrics with labels.
const (
	InfoName    = Prefix + "node_info"
	InfoHelp    = "The node, by its id; always 1."
	RefusedName = Prefix + "refused_total"
	RefusedHelp = "What others asked for and the node refused, by the reason."
)

// Table has the metrics for all of smoke.Stats except the counts of refusals. It does not
// change.
var Table = []Metric{
	{"peers", "Neighbours of the node.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Peers) }},
	{"guests", "Neighbours beyond Options.MaxPeers that no node can dial.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Guests) }},
	{"min_peers", "Neighbours that the node tries to have (Options.MinPeers).", Gauge, func(s *smoke.Stats) float64 { return float64(s.MinPeers) }},
	{"known_addresses", "Addresses of nodes in the address book.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Known) }},
	{"lost_seeds", "Addresses of seeds that do not answer.", Gauge, func(s *smoke.Stats) float64 { return float64(s.SeedsLost) }},
	{"split", "1 from when another part of the network was found until the two are one, else 0.", Gauge, split},
	{"lag_bytes", "Events that wait for the neighbour for which most wait.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Lag) }},
	{"queued_events", "Events that wait for the handlers.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Queued) }},
	{"history_bytes", "Recent events that are held for nodes that missed them.", Gauge, func(s *smoke.Stats) float64 { return float64(s.History) }},
	{"round_trip_seconds", "Time that the farthest neighbour took to answer a ping; absent before the first answer.", Gauge, roundTrip},

	{"emitted_events_total", "Events that this node broadcast, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Emitted) }},
	{"delivered_events_total", "Events of other nodes that arrived, each once, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Delivered) }},
	{"duplicate_events_total", "Events that arrived again, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Duplicates) }},
	{"gaps_total", "Runs of events that were lost for this node, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Gaps) }},
	{"missed_events_total", "Events that were lost for this node, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Missed) }},
	{"grafts_total", "Requests for events that had not come, or for a place in the tree, since the last start.", Counter, func(s *smoke.Stats) float64 { return float64(s.Grafts) }},

	{"received_bytes_total", "Frames that came on links, before encryption.", Counter, func(s *smoke.Stats) float64 { return float64(s.BytesIn) }},
	{"sent_bytes_total", "Frames that went out on links, before encryption.", Counter, func(s *smoke.Stats) float64 { return float64(s.BytesOut) }},
	{"added_peers_total", "Neighbours that came, whether they stayed or not.", Counter, func(s *smoke.Stats) float64 { return float64(s.PeersAdded) }},
	{"failed_dials_total", "Connections that the node tried to make and could not.", Counter, func(s *smoke.Stats) float64 { return float64(s.DialsFailed) }},
	{"netsplits_total", "Other parts of the network that were found.", Counter, func(s *smoke.Stats) float64 { return float64(s.Netsplits) }},
	{"conflicts_total", "Reports of another node with this node's id.", Counter, func(s *smoke.Stats) float64 { return float64(s.Conflicts) }},
	{"heals_total", "Netsplits that are over.", Counter, func(s *smoke.Stats) float64 { return float64(s.Heals) }},
	{"shut_out_total", "Times that the node had no neighbour and was refused everywhere.", Counter, func(s *smoke.Stats) float64 { return float64(s.ShutOut) }},
	{"emit_wait_seconds_total", "Time that calls of Emit waited for others to keep up.", Counter, func(s *smoke.Stats) float64 { return s.Waited.Seconds() }},

	{"handler_panics_total", "Calls of handlers that panicked.", Counter, func(s *smoke.Stats) float64 { return float64(s.Handlers.Panics) }},
	{"handler_errors_total", "Calls of handlers that failed, or for which the arguments did not fit.", Counter, func(s *smoke.Stats) float64 { return float64(s.Handlers.Errors) }},
	{"handler_surplus_total", "Calls of handlers for which the event had more arguments than they take.", Counter, func(s *smoke.Stats) float64 { return float64(s.Handlers.Surplus) }},
	{"slow_handlers_total", "Calls of handlers that took longer than Options.SlowHandler.", Counter, func(s *smoke.Stats) float64 { return float64(s.Handlers.Slow) }},
	{"callback_panics_total", "Calls of the program's functions that are no handlers that panicked.", Counter, func(s *smoke.Stats) float64 { return float64(s.Calls.Panics) }},
	{"callbacks_given_up_total", "Calls of the program's functions that did not return in time.", Counter, func(s *smoke.Stats) float64 { return float64(s.Calls.GivenUp) }},
	{"hanging_callbacks", "Calls of the program's functions that did not return in time, and have not returned since.", Gauge, func(s *smoke.Stats) float64 { return float64(s.Calls.Hanging) }},
	{"dropped_log_records_total", "Log records that the program's logger was too slow for.", Counter, func(s *smoke.Stats) float64 { return float64(s.Calls.LogsDropped) }},
	{"dropped_events_total", "Events that had to make room because handlers were too slow.", Counter, func(s *smoke.Stats) float64 { return float64(s.Handlers.Dropped) }},
}

// Reasons has an entry for each field of smoke.Refused. It does not change.
var Reasons = []struct {
	Name  string // the value of the label "reason"
	Count func(*smoke.Refused) uint64
}{
	{"handshake", func(r *smoke.Refused) uint64 { return r.Handshakes }},
	{"not_admitted", func(r *smoke.Refused) uint64 { return r.NotAdmitted }},
	{"incompatible", func(r *smoke.Refused) uint64 { return r.Incompatible }},
	{"backlog", func(r *smoke.Refused) uint64 { return r.Backlog }},
	{"rate_limited", func(r *smoke.Refused) uint64 { return r.RateLimited }},
	{"frame", func(r *smoke.Refused) uint64 { return r.Frames }},
	{"flood", func(r *smoke.Refused) uint64 { return r.Floods }},
	{"contact", func(r *smoke.Refused) uint64 { return r.Contacts }},
	{"forgery", func(r *smoke.Refused) uint64 { return r.Forgeries }},
	{"origin", func(r *smoke.Refused) uint64 { return r.Origins }},
}

func split(s *smoke.Stats) float64 {
	if s.Split {
		return 1
	}
	return 0
}

func roundTrip(s *smoke.Stats) float64 {
	if s.RTT == 0 {
		return math.NaN()
	}
	return s.RTT.Seconds()
}
