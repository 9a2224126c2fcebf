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

// nodeMode is the argument that makes a program one node.
const nodeMode = "stage-node"

// Order is what a node is told to do. At the end of its orders a node stops.
type Order struct {
	Say   []string      `json:"say,omitempty"`   // broadcast these texts …
	Every time.Duration `json:"every,omitempty"` // … with this much time between them
	Stop  bool          `json:"stop,omitempty"`
}

// Report is what a node tells.
type Report struct {
	Is    Kind     `json:"is"`
	Node  string   `json:"node,omitempty"`  // Up: its id; Parted: of whom, shortened; Gap: the origin
	Addr  string   `json:"addr,omitempty"`  // Up: where it listens
	Links []string `json:"links,omitempty"` // Linked: the ids of all neighbours now
	Text  string   `json:"text,omitempty"`  // Heard: what; Gap: which numbers; Parted, Failed: why
}

// Kind is what a report is about.
type Kind string

// The kinds of reports.
const (
	Up       Kind = "up"        // it listens
	Linked   Kind = "links"     // its neighbours are others than before
	Parted   Kind = "parted"    // one of its links has ended
	Heard    Kind = "heard"     // it heard a text
	SeedLost Kind = "seed lost" // OnSeedLost
	Netsplit Kind = "netsplit"  // OnNetsplit
	Healed   Kind = "healed"    // OnHeal
	Gap      Kind = "gap"       // OnGap
	Failed   Kind = "failed"    // it could not do something, and ends
)

// NodeOptions say what a node is to be like: the fields of smoke.Options that an
// actor can be given.
type NodeOptions struct {
	Address  string   `json:"address"`
	Port     int      `json:"port"`
	Seeds    []string `json:"seeds"`
	MinPeers int      `json:"min"`
	MaxPeers int      `json:"max"`
	Guests   int      `json:"guests,omitempty"` // Options.MaxGuests
	Key      string   `json:"key,omitempty"`    // in PEM: who it is; empty: somebody new
	Proxy    string   `json:"proxy,omitempty"`
	Side     string   `json:"side,omitempty"` // of the proxy
}

// Args are the arguments that make this program such a node.
func (o NodeOptions) Args() []string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("stage: write options: %v", err)) // strings and numbers always can be
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

// NewKey makes a key for NodeOptions. Nobody else has to keep it a secret: such nodes
// live for a test, and their arguments are for everybody to see.
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

// BeNode is one node until it is told to stop, or until nobody gives orders any
// more, and returns its exit code.
func BeNode() int {
	signal.Ignore(os.Interrupt) // Ctrl-C is for whoever gives the orders, who ends its nodes
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
	return nil // the others are gone, or it was cut off: what it said then is counted by those that listen
}

// obey carries out orders until one says stop, or there are no more.
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

func (r *reporter) send(what Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.encoder.Encode(what); err != nil {
		os.Exit(1) // nobody reads any more
	}
}
