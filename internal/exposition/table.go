package exposition

import (
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Kind is what a metric does over time. Its text is that of the format.
type Kind string

const (
	Counter Kind = "counter" // only rises, until the node starts again
	Gauge   Kind = "gauge"
)

// Metric is one figure without a label.
type Metric struct {
	Name         string // with the prefix
	Help         string
	Kind         Kind
	Value        func(*smoke.Stats) float64
	MayBeUnknown bool // the metric is absent while its value is 0
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

// Table holds all of smoke.Stats but what was refused. It does not change.
var Table = []Metric{
	gauge("peers", "Neighbours of the node.", func(s *smoke.Stats) int { return s.Peers }),
	gauge("guests", "Neighbours beyond Options.MaxPeers that no node can dial.", func(s *smoke.Stats) int { return s.Guests }),
	gauge("min_peers", "Neighbours that the node tries to have (Options.MinPeers).", func(s *smoke.Stats) int { return s.MinPeers }),
	gauge("known_addresses", "Addresses of nodes in the address book.", func(s *smoke.Stats) int { return s.Known }),
	gauge("lost_seeds", "Addresses of seeds that do not answer.", func(s *smoke.Stats) int { return s.SeedsLost }),
	gauge("split", "1 from when another part of the network was found until the two are one, else 0.", func(s *smoke.Stats) int {
		if s.Split {
			return 1
		}
		return 0
	}),
	gauge("lag_bytes", "Events that wait for the neighbour for which most wait.", func(s *smoke.Stats) int { return s.Lag }),
	gauge("queued_events", "Events that wait for the handlers.", func(s *smoke.Stats) int { return s.Queued }),
	gauge("history_bytes", "Recent events that are held for nodes that missed them.", func(s *smoke.Stats) int { return s.History }),
	unlessUnknown(gauge("round_trip_seconds", "Time that the farthest neighbour took to answer a ping; absent before the first answer.",
		func(s *smoke.Stats) float64 { return s.RTT.Seconds() })),

	counter("emitted_events_total", "Events that this node broadcast, since the last start.", func(s *smoke.Stats) uint64 { return s.Emitted }),
	counter("delivered_events_total", "Events of other nodes that arrived, each once, since the last start.", func(s *smoke.Stats) uint64 { return s.Delivered }),
	counter("duplicate_events_total", "Events that arrived again, since the last start.", func(s *smoke.Stats) uint64 { return s.Duplicates }),
	counter("gaps_total", "Runs of events that were lost for this node, since the last start.", func(s *smoke.Stats) uint64 { return s.Gaps }),
	counter("missed_events_total", "Events that were lost for this node, since the last start.", func(s *smoke.Stats) uint64 { return s.Missed }),
	counter("grafts_total", "Requests for events that had not come, or for a place in the tree, since the last start.", func(s *smoke.Stats) uint64 { return s.Grafts }),

	counter("received_bytes_total", "Frames that came on links, before encryption.", func(s *smoke.Stats) uint64 { return s.BytesIn }),
	counter("sent_bytes_total", "Frames that went out on links, before encryption.", func(s *smoke.Stats) uint64 { return s.BytesOut }),
	counter("added_peers_total", "Neighbours that came, whether they stayed or not.", func(s *smoke.Stats) uint64 { return s.PeersAdded }),
	counter("failed_dials_total", "Connections that the node tried to make in vain.", func(s *smoke.Stats) uint64 { return s.DialsFailed }),
	counter("netsplits_total", "Other parts of the network that were found.", func(s *smoke.Stats) uint64 { return s.Netsplits }),
	counter("conflicts_total", "Reports of another node with this node's id.", func(s *smoke.Stats) uint64 { return s.Conflicts }),
	counter("heals_total", "Netsplits that are over.", func(s *smoke.Stats) uint64 { return s.Heals }),
	counter("shut_out_total", "Times that the node had no neighbour and was refused everywhere.", func(s *smoke.Stats) uint64 { return s.ShutOut }),
	counter("emit_wait_seconds_total", "Time that calls of Emit waited for others to keep up.",
		func(s *smoke.Stats) float64 { return s.Waited.Seconds() }),

	counter("handler_panics_total", "Calls of handlers that panicked.", func(s *smoke.Stats) uint64 { return s.Handlers.Panics }),
	counter("handler_errors_total", "Calls of handlers that failed, or for which the arguments did not fit.", func(s *smoke.Stats) uint64 { return s.Handlers.Errors }),
	counter("handler_surplus_total", "Calls of handlers for which the event had more arguments than they take.", func(s *smoke.Stats) uint64 { return s.Handlers.Surplus }),
	counter("slow_handlers_total", "Calls of handlers that took longer than Options.SlowHandler.", func(s *smoke.Stats) uint64 { return s.Handlers.Slow }),
	counter("callback_panics_total", "Calls of the program's functions that are no handlers that panicked.", func(s *smoke.Stats) uint64 { return s.Calls.Panics }),
	counter("callbacks_given_up_total", "Calls of the program's functions that did not return in time.", func(s *smoke.Stats) uint64 { return s.Calls.GivenUp }),
	gauge("hanging_callbacks", "Calls of the program's functions that did not return in time, and have not returned since.", func(s *smoke.Stats) int { return s.Calls.Hanging }),
	counter("dropped_log_records_total", "Log records that the program's logger was too slow for.", func(s *smoke.Stats) uint64 { return s.Calls.LogsDropped }),
	counter("dropped_events_total", "Events that had to make room because handlers were too slow.", func(s *smoke.Stats) uint64 { return s.Handlers.Dropped }),
}

// Reasons holds all of smoke.Refused. It does not change.
var Reasons = []struct {
	Name  string // the value of the label "reason"
	Count func(*smoke.Refused) uint64
}{
	{"handshake", func(r *smoke.Refused) uint64 { return r.Handshakes }},
	{"stranger", func(r *smoke.Refused) uint64 { return r.Strangers }},
	{"other_network", func(r *smoke.Refused) uint64 { return r.Others }},
	{"crowd", func(r *smoke.Refused) uint64 { return r.Crowd }},
	{"address", func(r *smoke.Refused) uint64 { return r.Addresses }},
	{"frame", func(r *smoke.Refused) uint64 { return r.Frames }},
	{"flood", func(r *smoke.Refused) uint64 { return r.Floods }},
	{"contact", func(r *smoke.Refused) uint64 { return r.Contacts }},
	{"forgery", func(r *smoke.Refused) uint64 { return r.Forgeries }},
}

type number interface{ int | uint64 | float64 }

func gauge[T number](name, help string, value func(*smoke.Stats) T) Metric {
	return describe(name, help, Gauge, value)
}

func counter[T number](name, help string, value func(*smoke.Stats) T) Metric {
	return describe(name, help, Counter, value)
}

func describe[T number](name, help string, kind Kind, value func(*smoke.Stats) T) Metric {
	return Metric{Name: Prefix + name, Help: help, Kind: kind, Value: func(s *smoke.Stats) float64 { return float64(value(s)) }}
}

func unlessUnknown(m Metric) Metric {
	m.MayBeUnknown = true
	return m
}
