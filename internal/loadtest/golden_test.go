package loadtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wantGolden compares got with a file under testdata.
func wantGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got other output than %s has (-update rewrites it):\n%s", file, got)
	}
}

// The outputs for programs and for people of a run with two nodes and a latency of 5 ms. In
// virtual time they are the same in each run.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name  string
		watch bool
	}{{"oneway", true}, {"roundtrip", false}} {
		inHall(t, func(t *testing.T, h *hall) {
			if c.watch {
				h.watch = NewWatch()
			}
			h.receive(1)
			r := h.measure(plan)
			data, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			wantGolden(t, c.name+".json", append(data, '\n'))
			var table bytes.Buffer
			if err := r.WriteTable(&table); err != nil {
				t.Fatal(err)
			}
			wantGolden(t, c.name+".txt", table.Bytes())
		})
	}
}

// A result with every kind of fault, and large numbers, still fits in the table.
func TestABadTableFits(t *testing.T) {
	r := &Result{
		Interrupted: true, Nodes: 10_000, Receivers: 9_999, Reports: 9_998,
		Size: MaxSize, Achieved: 1234567.8, Measured: 86400, Events: 1e9, Warmup: 1e6, Deliveries: 9.9e9,
		Expected: 1e13, Received: 1e13 - 1, Percent: 99.99999999999, Lost: 1e12, Told: 1e12, Duplicates: 1e12, OutOfOrder: 3, Corrupt: 4,
		Emit: Emits{Latency{Samples: 1e9, P50: 0.25, P90: 0.25, P99: 0.25, P999: 0.25, Max: 1e4}, 1e9, 1e5},
		Kind: RoundTrip, Latency: Latency{1e9, 0.1, 12.34, 123.4, 1234, 12345}, Last: Latency{1e9, 0.00001, 0.0001, 0.001, 0.01, 0.1}, Asked: 1e10,
	}
	for i := range 2 * mostFaults {
		r.Each = append(r.Each, Received{name: string(rune('a' + i)), Lost: 1e12, Duplicates: 1e12, OutOfOrder: 1, Corrupt: 2})
	}
	wantTable(t, r, "received      99.9999 % of", "NOT GOOD", "and 10 more", "9000000000 of 10000000000 echoes")
}
