package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/cutproxy"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// nodeMode is the argument that makes this program one node of the story.
const nodeMode = "node"

// order is what the story tells a node, one JSON line each. At the end of its
// orders a node stops.
type order struct {
	Say   []string      `json:"say,omitempty"`   // broadcast these texts …
	Every time.Duration `json:"every,omitempty"` // … with this much time between them
	Stop  bool          `json:"stop,omitempty"`
}

// report is what a node tells the story, one JSON line each.
type report struct {
	Is    reportKind `json:"is"`
	Node  string     `json:"node,omitempty"`  // up: its id
	Addr  string     `json:"addr,omitempty"`  // up: where it listens
	Links []string   `json:"links,omitempty"` // links: the ids of all neighbours now
	Text  string     `json:"text,omitempty"`  // heard: what; failed: why
}

type reportKind string

const (
	isUp       reportKind = "up"
	isLinks    reportKind = "links"
	isHeard    reportKind = "heard"
	isSeedLost reportKind = "seed lost"
	isNetsplit reportKind = "netsplit"
	isHealed   reportKind = "healed"
	isGap      reportKind = "gap"
	isFailed   reportKind = "failed"
)

// beNode is one node of the story, and gives its exit code.
func beNode(args []string) int {
	signal.Ignore(os.Interrupt) // Ctrl-C is for the story, which ends its nodes
	reports := &reporter{encoder: json.NewEncoder(os.Stdout)}
	if err := runNode(args, os.Stdin, reports); err != nil {
		reports.send(report{Is: isFailed, Text: err.Error()})
		return 1
	}
	return 0
}

func runNode(args []string, orders io.Reader, reports *reporter) error {
	options, err := nodeOptions(args)
	if err != nil {
		return err
	}
	node := smoke.CreateNode(options)
	smoke.On(node.Broadcast(), "demo", func(_ smoke.Event, text string) {
		reports.send(report{Is: isHeard, Text: text})
	})
	links := func(*smoke.Peer) {
		var ids []string
		for peer := range node.Peers().All() {
			ids = append(ids, peer.ID().String())
		}
		reports.send(report{Is: isLinks, Links: ids})
	}
	node.Peers().OnAdd(links)
	node.Peers().OnRemove(links)
	node.OnSeedLost(func(smoke.SeedLost) { reports.send(report{Is: isSeedLost}) })
	node.OnNetsplit(func(smoke.Netsplit) { reports.send(report{Is: isNetsplit}) })
	node.OnHeal(func(smoke.Heal) { reports.send(report{Is: isHealed}) })
	node.OnGap(func(smoke.Gap) { reports.send(report{Is: isGap}) })

	if err := node.Start(); err != nil {
		return err
	}
	reports.send(report{Is: isUp, Node: node.ID().String(), Addr: node.Addr()})
	if err := obey(node, orders); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return node.Shutdown(ctx)
}

// obey carries out orders until one says stop, or there are no more.
func obey(node *smoke.Node, orders io.Reader) error {
	lines := bufio.NewScanner(orders)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("understand the order %q: %w", lines.Bytes(), err)
		}
		if o.Stop {
			return nil
		}
		for _, text := range o.Say {
			if err := node.Broadcast().Emit("demo", text); err != nil {
				return fmt.Errorf("say %q: %w", text, err)
			}
			time.Sleep(o.Every)
		}
	}
	return lines.Err()
}

func nodeOptions(args []string) (smoke.Options, error) {
	options := smoke.Options{Network: "demo"}
	var seed string
	var cut cutproxy.Dialer
	flags := flag.NewFlagSet(nodeMode, flag.ContinueOnError)
	flags.StringVar(&options.Address, "address", "", "")
	flags.IntVar(&options.Port, "port", 0, "")
	flags.StringVar(&seed, "seed", "", "")
	flags.IntVar(&options.MinPeers, "min", 0, "")
	flags.IntVar(&options.MaxPeers, "max", 0, "")
	flags.StringVar(&cut.Proxy, "proxy", "", "")
	flags.StringVar(&cut.Side, "side", "", "")
	if err := flags.Parse(args); err != nil {
		return options, err
	}
	if seed != "" {
		options.Seeds = []string{seed}
	}
	if cut.Proxy != "" {
		options.Transport = proxied{cut}
	}
	return options, nil
}

// proxied is TCP that listens as ever and dials through the cut proxy.
type proxied struct{ cutproxy.Dialer }

func (proxied) Listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", addr)
}

// reporter writes reports, from any goroutine.
type reporter struct {
	mu      sync.Mutex // guards encoder: one line at a time
	encoder *json.Encoder
}

func (r *reporter) send(what report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.encoder.Encode(what); err != nil {
		os.Exit(1) // the story is over: nobody reads any more
	}
}
