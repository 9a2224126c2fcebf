package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cutproxy"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// nodeMode is the argument that turns the program into a node.
const nodeMode = "stage-node"

// Order is a command to a node. At the end of its orders a node stops.
type Order struct {
	Say   []string      `json:"say,omitempty"`   // broadcast these texts …
	Every time.Duration `json:"every,omitempty"` // … with this interval
	Stop  bool          `json:"stop,omitempty"`
}

// Report is a message from a node.
type Report struct {
	Is    Kind     `json:"is"`
	Node  string   `json:"node,omitempty"`  // Up: its id; Parted: the neighbour's, shortened; Gap: the origin
	Addr  string   `json:"addr,omitempty"`  // Up: the address it listens on
	Links []string `json:"links,omitempty"` // Linked: the ids of all neighbours now
	Text  string   `json:"text,omitempty"`  // Heard: the text; Gap: the numbers; Parted, Failed: the reason
}

// Kind is the subject of a report.
type Kind string

// The kinds of reports.
const (
	Up       Kind = "up"        // it listens
	Linked   Kind = "links"     // its neighbours have changed
	Parted   Kind = "parted"    // one of its links has ended
	Heard    Kind = "heard"     // it received a text
	SeedLost Kind = "seed lost" // OnSeedLost
	Netsplit Kind = "netsplit"  // OnNetsplit
	Healed   Kind = "healed"    // OnHeal
	Gap      Kind = "gap"       // OnGap
	Failed   Kind = "failed"    // it failed and ends
)

// NodeOptions configure a node: the fields of smoke.Options that an actor can set.
type NodeOptions struct {
	Address  string   `json:"address"`
	Port     int      `json:"port"`
	Seeds    []string `json:"seeds"`
	MinPeers int      `json:"min"`
	MaxPeers int      `json:"max"`
	Guests   int      `json:"guests,omitempty"` // Options.MaxGuests
	Key      string   `json:"key,omitempty"`    // in PEM: its identity; empty: a new one
	Proxy    string   `json:"proxy,omitempty"`
	Side     string   `json:"side,omitempty"` // of the proxy
}

// Args returns the arguments that start this program as such a node.
func (o NodeOptions) Args() []string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("cluster: write options: %v", err)) // strings and numbers always encode
	}
	return []string{nodeMode, string(text)}
}

func (o NodeOptions) options() (smoke.Options, error) {
	options := smoke.Options{
		Address: o.Address, Port: o.Port, Seeds: o.Seeds,
		MinPeers: o.MinPeers, MaxPeers: o.MaxPeers, MaxGuests: o.Guests, Network: "stage",
	}
	if o.Key != "" {
		key, err := trust.ParseKey([]byte(o.Key))
		if err != nil {
			return options, err
		}
		options.Key = key
	}
	if o.Proxy != "" {
		options.Transport = proxied{cutproxy.Dialer{Proxy: o.Proxy, Side: o.Side}}
	}
	return options, nil
}

// NewKey makes a key for NodeOptions. It need not be secret: such nodes live for a test,
// and their arguments are visible.
func NewKey() (string, error) {
	key, err := trust.NewKey()
	if err != nil {
		return "", err
	}
	text, err := key.PEM()
	return string(text), err
}

// IsNode reports whether this process was started as a node.
func IsNode() bool { return len(os.Args) == 3 && os.Args[1] == nodeMode }

// BeNode runs one node until it gets the order to stop or its input ends. It returns the
// exit code.
func BeNode() int {
	signal.Ignore(os.Interrupt) // Ctrl-C is for the parent, which ends its nodes
	reports := &reporter{encoder: json.NewEncoder(os.Stdout)}
	if err := runNode(os.Args[2], os.Stdin, reports); err != nil {
		reports.send(Report{Is: Failed, Text: err.Error()})
		return 1
	}
	return 0
}

func runNode(argument string, orders io.Reader, reports *reporter) error {
	var given NodeOptions
	if err := json.Unmarshal([]byte(argument), &given); err != nil {
		return fmt.Errorf("understand the options %q: %w", argument, err)
	}
	options, err := given.options()
	if err != nil {
		return err
	}
	options.Logger = slog.New(&logHandler{
		Handler: slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}),
		reports: reports,
	})
	node := smoke.CreateNode(options)
	smoke.On(node.Broadcast(), "say", func(_ smoke.Event, text string) {
		reports.send(Report{Is: Heard, Text: text})
	})
	links := func(*smoke.Peer) {
		var ids []string
		for peer := range node.Peers().All() {
			ids = append(ids, peer.ID().String())
		}
		reports.send(Report{Is: Linked, Links: ids})
	}
	node.Peers().OnAdd(links)
	node.Peers().OnRemove(links)
	node.OnSeedLost(func(smoke.SeedLost) { reports.send(Report{Is: SeedLost}) })
	node.OnNetsplit(func(smoke.Netsplit) { reports.send(Report{Is: Netsplit}) })
	node.OnHeal(func(smoke.Heal) { reports.send(Report{Is: Healed}) })
	node.OnGap(func(g smoke.Gap) {
		reports.send(Report{Is: Gap, Node: g.Origin.String(), Text: fmt.Sprintf("%d to %d", g.From, g.To-1)})
	})

	if err := node.Start(); err != nil {
		return err
	}
	reports.send(Report{Is: Up, Node: node.ID().String(), Addr: node.Addr()})
	if err := obey(node, orders); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := node.Shutdown(ctx); !errors.Is(err, smoke.ErrAlone) {
		return err
	}
	return nil // no neighbour is left; the receivers count its texts
}

// obey executes orders until one says stop, or the input ends.
func obey(node *smoke.Node, orders io.Reader) error {
	lines := json.NewDecoder(bufio.NewReader(orders))
	for {
		var o Order
		if err := lines.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("understand an order: %w", err)
		}
		if o.Stop {
			return nil
		}
		for _, text := range o.Say {
			if err := node.Broadcast().Emit("say", text); err != nil {
				return fmt.Errorf("say %q: %w", text, err)
			}
			time.Sleep(o.Every)
		}
	}
}

// proxied is TCP that listens normally and dials through the cut proxy.
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

func (r *reporter) send(what Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.encoder.Encode(what); err != nil {
		os.Exit(1) // the parent no longer reads
	}
}
