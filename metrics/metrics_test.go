package metrics

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokesignal-go/smokesignal/internal/exposition"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// figures is a node with fixed figures.
type figures smoke.Stats

func (f *figures) ID() smoke.ID       { return smoke.ID{0xab, 1} }
func (f *figures) Stats() smoke.Stats { return smoke.Stats(*f) }

func TestNamesAndHelpAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := testutil.CollectAndLint(New(&figures{RTT: time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestFiguresBecomeMetrics(t *testing.T) {
	f := figures{
		Peers: 4, MinPeers: 3, Known: 100, SeedsLost: 1, Split: true, Lag: 2048, Queued: 7, History: 1 << 20, RTT: 1500 * time.Microsecond,
		Emitted: 10, Delivered: 1000, Duplicates: 2, Gaps: 1, Missed: 6, Grafts: 3, BytesIn: 1 << 33, BytesOut: 5,
		PeersAdded: 9, DialsFailed: 8, Netsplits: 2, Heals: 1, Waited: 2500 * time.Millisecond,
		Handlers: smoke.HandlerStats{Panics: 1, Errors: 2, Slow: 3, Dropped: 4},
		Refused:  smoke.Refused{Handshakes: 1, NotAdmitted: 2, Incompatible: 3, Backlog: 4, RateLimited: 5, Frames: 6, Floods: 7, Contacts: 8, Forgeries: 9, Origins: 10},
	}
	const want = `
# HELP smokesignal_delivered_events_total Events of other nodes that arrived, each once, since the last start.
# TYPE smokesignal_delivered_events_total counter
smokesignal_delivered_events_total 1000
# HELP smokesignal_emit_wait_seconds_total Time that calls of Emit waited for others to keep up.
# TYPE smokesignal_emit_wait_seconds_total counter
smokesignal_emit_wait_seconds_total 2.5
# HELP smokesignal_node_info The node, by its id; always 1.
# TYPE smokesignal_node_info gauge
smokesignal_node_info{id="ab010000000000000000000000000000"} 1
# HELP smokesignal_peers Neighbours of the node.
# TYPE smokesignal_peers gauge
smokesignal_peers 4
# HELP smokesignal_received_bytes_total Frames that came on links, before encryption.
# TYPE smokesignal_received_bytes_total counter
smokesignal_received_bytes_total 8.589934592e+09
# HELP smokesignal_refused_total What others asked for and the node refused, by the reason.
# TYPE smokesignal_refused_total counter
smokesignal_refused_total{reason="backlog"} 4
smokesignal_refused_total{reason="contact"} 8
smokesignal_refused_total{reason="flood"} 7
smokesignal_refused_total{reason="forgery"} 9
smokesignal_refused_total{reason="frame"} 6
smokesignal_refused_total{reason="handshake"} 1
smokesignal_refused_total{reason="incompatible"} 3
smokesignal_refused_total{reason="not_admitted"} 2
smokesignal_refused_total{reason="origin"} 10
smokesignal_refused_total{reason="rate_limited"} 5
# HELP smokesignal_round_trip_seconds Time that the farthest neighbour took to answer a ping; absent before the first answer.
# TYPE smokesignal_round_trip_seconds gauge
smokesignal_round_trip_seconds 0.0015
# HELP smokesignal_split 1 from when another part of the network was found until the two are one, else 0.
# TYPE smokesignal_split gauge
smokesignal_split 1
`
	var names []string
	for line := range strings.Lines(want) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	if err := testutil.CollectAndCompare(New(&f), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// Every new figure of smoke must become a metric here.
func TestEachFigureMovesOneMetric(t *testing.T) {
	still := gather(t, New(&figures{RTT: 1}))
	var visit func(field reflect.Value, path string, f *figures)
	visit = func(field reflect.Value, path string, f *figures) {
		switch {
		case field.Kind() == reflect.Struct:
			for i := range field.NumField() {
				visit(field.Field(i), path+"."+field.Type().Field(i).Name, f)
			}
			return
		case field.Kind() == reflect.Bool:
			field.SetBool(true)
		case field.CanInt():
			field.SetInt(int64(3 * time.Second))
		case field.CanUint():
			field.SetUint(3)
		default:
			t.Fatalf("%s is a %s", path, field.Type())
		}
		moved := 0
		for name, v := range gather(t, New(f)) {
			if v != still[name] {
				moved++
			}
		}
		if moved != 1 {
			t.Errorf("%s moves %d metrics", path, moved)
		}
		field.SetZero()
		f.RTT = 1
	}
	f := figures{RTT: 1}
	visit(reflect.ValueOf(&f).Elem(), "Stats", &f)
}

// gather returns the values of a collector, by name and labels.
func gather(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestTheNumberOfSeriesIsFixed(t *testing.T) {
	if n := testutil.CollectAndCount(New(&figures{RTT: 1})); n != 1+len(table)+len(exposition.Reasons) {
		t.Errorf("%d series", n)
	}
	if n := testutil.CollectAndCount(New(&figures{}), exposition.Prefix+"round_trip_seconds"); n != 0 {
		t.Error("a round trip that was not measured is shown")
	}
}

func TestTwoNodesInOneRegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"ann", "bob"} {
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"node": name}, registry)
		if err := labelled.Register(New(&figures{})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

// Two real nodes: Prometheus gets their figures before they start, while they run, and
// after they are stopped.
func TestTheMetricsOfARealNode(t *testing.T) {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "metrics test"}), smoke.CreateNode(smoke.Options{Network: "metrics test"})
	collector := New(bob)
	if got := gather(t, collector); got[exposition.Prefix+"peers"] != 0 || got[exposition.Prefix+"min_peers"] != 3 {
		t.Errorf("before: %v", got)
	}
	heard := make(chan bool, 3)
	bob.Broadcast().On("tick", func() { heard <- true })
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := bob.AddPeer(ctx, ann.Addr()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := ann.Broadcast().Emit("tick"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		select {
		case <-heard:
		case <-ctx.Done():
			t.Fatal("bob does not hear ann")
		}
	}
	got := gather(t, collector)
	for name, want := range map[string]float64{"peers": 1, "delivered_events_total": 3, "emitted_events_total": 0, "added_peers_total": 1, "missed_events_total": 0} {
		if got[exposition.Prefix+name] != want {
			t.Errorf("%s is %v, want %v", name, got[exposition.Prefix+name], want)
		}
	}
	if got[exposition.Prefix+"received_bytes_total"] == 0 || got[exposition.Prefix+"history_bytes"] == 0 || got[exposition.Prefix+"node_info id="+bob.ID().String()] != 1 {
		t.Errorf("%v", got)
	}
	if err := bob.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := gather(t, collector); got[exposition.Prefix+"peers"] != 0 || got[exposition.Prefix+"added_peers_total"] != 1 {
		t.Errorf("after: %v", got)
	}
}
