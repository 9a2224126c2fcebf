package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// resident is one call of smoke node.
type resident struct {
	join      joining
	http      string
	tokenFile string
	hosts     []string
	metrics   string
	asJSON    bool
}

const nodeLong = `Run a node until Ctrl-C or SIGTERM, and print what happens to it. It relays events like
all nodes and emits none. It can be a seed, or an additional path between nodes. The
first line says where it listens; with --json each line is an object:

  dashboard       url, with --http; /metrics for Prometheus is next to it
  metrics         url, with --metrics
  ready           id, addr it listens on, advertised address, network
  peer-up         id and addr of a new neighbour, and the number of peers now
  peer-down       the same for a neighbour that left, and why
  netsplit        another part of the network was found; ours and other name the two
  heal            the parts are one again; seconds that it took
  gap             lost events: origin, from, to (not included), events, slow
  seed-lost       addr and error: a seed is down, or cut off
  seed-back       addr
  stopping, stopped

The log goes to stderr; with --json as objects too, whose "what" is the level (warning,
error, …), with a message and its fields. An error that ends the command is one of them.

Under systemd (Type=notify) it reports when it is ready, how many peers it has, when it
stops, and, with WatchdogSec=, that it is alive.
`

func nodeCommand() *cobra.Command {
	r := &resident{}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "run a node and report what happens to it",
		Long:  nodeLong + envHelp,
		Example: "  smoke node --port 8495 --http 127.0.0.1:8496\n" +
			"  smoke node --address 192.168.2.0/24 --port 8495 --seeds 192.168.2.100:8495,dns://chat:8495 --json",
		Args: argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() { // log collectors merge both outputs, so both are JSON or neither is
				if err != nil && r.asJSON {
					(&lines{w: cmd.ErrOrStderr(), asJSON: true}).tell("error", "", facts{"message": err.Error()})
					err = &toldError{err}
				}
			}()
			o, err := r.join.valid(cmd.Flags())
			if err != nil {
				return err
			}
			logTo(&o, cmd.ErrOrStderr(), logrus.WarnLevel, r.asJSON)
			ctx, release := interruptible(cmd)
			defer release()
			return r.run(ctx, o, &lines{w: cmd.OutOrStdout(), asJSON: r.asJSON})
		},
	}
	r.join.flags(cmd.Flags())
	cmd.Flags().StringVar(&r.http, "http", "", "serve the dashboard at `host:port`, such as "+defaultHTTP)
	cmd.Flags().StringSliceVar(&r.hosts, "http-host", nil, "additional host `names` of the dashboard; '*': all")
	cmd.Flags().StringVar(&r.metrics, "metrics", "", "serve /metrics, livez and readyz at `host:port`, without a page: for Prometheus on another machine")
	cmd.Flags().StringVar(&r.tokenFile, "http-token-file", "", "`file` with a token that permits emitting events on the dashboard")
	cmd.Flags().BoolVar(&r.asJSON, "json", false, "print JSON, one object a line")
	return cmd
}

// run runs the node. Helpers of the node begin after Start and end before Shutdown.
func (r *resident) run(ctx context.Context, o smoke.Options, out *lines) error {
	manager, err := openManager()
	if err != nil {
		return err
	}
	defer manager.close()
	node := smoke.CreateNode(o)
	begun := make(chan struct{}) // closed when the first line is printed
	tell := func(what, words string, f facts) {
		<-begun
		out.tell(what, words, f)
	}
	watch(node, tell, manager)
	page, figures, err := r.openPages(node)
	for _, w := range []*web{page, figures} {
		if w != nil {
			defer w.close() // it has nothing to save
		}
	}
	if err != nil {
		return err
	}
	if err := node.Start(); err != nil {
		return err
	}
	advertised := node.Advertised()
	out.tell("ready", fmt.Sprintf("listening on %s, node %s; others join with --seeds %s", node.Addr(), node.ID().Short(), advertised),
		facts{"id": node.ID().String(), "addr": node.Addr(), "advertised": advertised, "network": o.Network})
	if page != nil {
		out.tell("dashboard", "dashboard at "+page.url(), facts{"url": page.url()})
	}
	if figures != nil {
		url := "http://" + figures.addr + "/metrics"
		out.tell("metrics", "metrics at "+url, facts{"url": url})
	}
	close(begun)
	manager.say("READY=1\nSTATUS=no peers yet")
	fed := manager.feed(ctx, func() { node.Stats() })

	<-ctx.Done()
	<-fed
	manager.say("STOPPING=1")
	out.tell("stopping", "stopping", nil)
	if err := leave(node); err != nil {
		return err
	}
	out.tell("stopped", "stopped", nil)
	return nil
}

// watch reports what happens to a node that is not started yet.
func watch(node *smoke.Node, tell func(what, words string, f facts), manager *manager) {
	peers := 0 // as of the last hook; the node may already have others
	node.Peers().OnAdd(func(p *smoke.Peer) {
		peers++
		manager.say("STATUS=" + count(peers, "peer"))
		tell("peer-up", fmt.Sprintf("peer up %s at %s; %s", p.ID().Short(), shown(p.Addr()), count(peers, "peer")),
			facts{"id": p.ID().String(), "addr": p.Addr(), "peers": peers})
	})
	node.Peers().OnRemove(func(p *smoke.Peer) {
		peers--
		manager.say("STATUS=" + count(peers, "peer"))
		tell("peer-down", fmt.Sprintf("peer down %s at %s: %s; %s", p.ID().Short(), shown(p.Addr()), p.Gone(), count(peers, "peer")),
			facts{"id": p.ID().String(), "addr": p.Addr(), "why": p.Gone().String(), "peers": peers})
	})
	node.OnNetsplit(func(s smoke.Netsplit) {
		tell("netsplit", "netsplit: another part of the network was found, merging", facts{"ours": s.Ours.String(), "other": s.Other.String()})
	})
	node.OnHeal(func(h smoke.Heal) {
		tell("heal", fmt.Sprintf("healed after %v", h.After.Round(time.Millisecond)), facts{"seconds": h.After.Seconds()})
	})
	node.OnGap(func(g smoke.Gap) {
		tell("gap", gapWords(g), facts{"origin": g.Origin.String(), "from": g.From, "to": g.To, "events": g.Events, "slow": g.Slow})
	})
	node.OnSeedLost(func(l smoke.SeedLost) {
		tell("seed-lost", fmt.Sprintf("seed %s does not answer: %v", l.Addr, l.Err), facts{"addr": l.Addr, "error": fmt.Sprint(l.Err)})
	})
	node.OnSeedBack(func(b smoke.SeedBack) {
		tell("seed-back", "seed "+b.Addr+" answers again", facts{"addr": b.Addr})
	})
}

// gapWords says which events are lost and why.
func gapWords(g smoke.Gap) string {
	why := "no node has them any more"
	if g.Slow {
		why = "this program is too slow for them"
	}
	return fmt.Sprintf("%s of %s missed: %s", count(g.Events, "event"), g.Origin.Short(), why)
}

// leaveWithin bounds how long a node takes to send its queued events and say goodbye.
const leaveWithin = 5 * time.Second

// leave stops a node in an orderly way. The first Ctrl-C does not shorten the wait; a
// second one ends the process.
func leave(node *smoke.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	return node.Shutdown(ctx)
}

// count formats a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
