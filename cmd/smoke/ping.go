package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/discovery/dns"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// pinging is one call of smoke ping.
type pinging struct {
	join   joining
	count  int
	every  time.Duration
	asJSON bool

	out      *lines
	took     []float64 // seconds of successful handshakes
	answered bool      // at least one server answered
	good     bool      // all answered correctly
}

const pingLong = `Make a handshake with the node at an address, as a node would, and print its identity or
what is wrong. It stops there: the other node gets no neighbour and loses none.

ADDR is "host:port", or a seed such as dns://chat:8495, whose addresses are all tried.
Without --network and flags about encryption, it accepts a node of any network, encrypted
or not.

It ends with 3 if nothing listens there, and with 1 if the node is not compatible.
`

func pingCommand() *cobra.Command {
	p := &pinging{join: joining{isGuest: true}}
	cmd := &cobra.Command{
		Use:     "ping ADDR",
		Short:   "identify the node at an address",
		Long:    pingLong + guestHelp,
		Example: "  smoke ping 192.168.2.100:8495\n  smoke ping dns://chat:8495 --network chat --secret-file secret --count 10 --json",
		Args:    argsOf(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := discovery.ParseSeed(args[0]); err != nil {
				return usageError{err}
			}
			switch {
			case p.count < 1:
				return usageError{fmt.Errorf("--count is %d: write 1 or more", p.count)}
			case p.every <= 0:
				return usageError{fmt.Errorf("--every is %v: write a duration such as 500ms", p.every)}
			}
			o, err := p.join.read(cmd.Flags())
			if err != nil {
				return usageError{err}
			}
			o = smoke.Options{Network: o.Network, Secret: o.Secret, Secrets: o.Secrets, Key: o.Key, TLS: o.TLS, InsecurePlaintext: o.InsecurePlaintext}
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			p.out = &lines{w: cmd.OutOrStdout(), asJSON: p.asJSON}
			ctx, release := interruptible(cmd)
			defer release()
			return p.run(ctx, o, args[0])
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.join.given.Network, "network", "", "`name` of the network that it should belong to")
	p.join.trustFlags(f)
	f.IntVar(&p.count, "count", 1, "number of handshakes")
	f.DurationVar(&p.every, "every", time.Second, "interval between handshakes")
	f.BoolVar(&p.asJSON, "json", false, "print JSON, one object per handshake")
	return cmd
}

func (p *pinging) run(ctx context.Context, o smoke.Options, addr string) error {
	g, err := newGreeter(o)
	if err != nil {
		return err
	}
	g.ends.AnyNetwork = o.Network == ""
	g.anyLinks = o.Key == nil && o.TLS == nil && o.Secret == "" && !o.InsecurePlaintext
	if g.anyLinks {
		g.isSecure = !handshake.IsLoopback(addr) // the likely kind of link
	}
	p.good = true
	pause := time.NewTimer(0)
	defer pause.Stop()
	n := 0
	for ; n < p.count && ctx.Err() == nil; n++ {
		select {
		case <-pause.C:
		case <-ctx.Done():
			continue
		}
		pause.Reset(p.every)
		addrs, err := dns.Resolver{}.Lookup(ctx, addr)
		if len(addrs) == 0 {
			p.tell(greeting{Addr: addr}, err, "")
		}
		for _, a := range addrs {
			found, err := g.greet(ctx, a)
			if ctx.Err() != nil {
				break
			}
			p.tell(found, err, g.fix(err))
		}
	}
	p.sum()
	switch {
	case !p.answered:
		return errNobody
	case !p.good:
		return errFailed
	}
	return nil
}

// tell prints one handshake.
func (p *pinging) tell(g greeting, err error, fix string) {
	p.answered = p.answered || g.isAnswered()
	if err == nil {
		p.took = append(p.took, g.Greet)
	} else {
		p.good = false
	}
	switch {
	case p.asJSON:
		text := ""
		if err != nil {
			text = err.Error()
		}
		p.out.object(struct {
			greeting
			Error string `json:"error,omitempty"`
			Fix   string `json:"fix,omitempty"`
		}{g, text, fix})
	case err != nil:
		p.out.print(g.Addr + ": " + err.Error())
		if fix != "" {
			p.out.print("  " + fix)
		}
	default:
		p.out.print(g.Addr + " is " + g.words())
	}
}

// words describes the node.
func (g greeting) words() string {
	how := "plaintext"
	if g.Encrypted {
		how = "encrypted"
	}
	return fmt.Sprintf("node %s of network %q: protocol %s, %s; connected in %s, greeted in %s",
		g.ID, g.Network, g.Protocol, how, milliseconds(g.Connect), milliseconds(g.Greet))
}

// sum prints the statistics of all handshakes.
func (p *pinging) sum() {
	if p.asJSON || p.count < 2 || len(p.took) == 0 {
		return
	}
	slices.Sort(p.took)
	last := len(p.took) - 1
	p.out.print(fmt.Sprintf("%s; fastest %s, median %s, slowest %s",
		count(len(p.took), "greeting"), milliseconds(p.took[0]), milliseconds(p.took[last/2]), milliseconds(p.took[last])))
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.2f ms", seconds*1000) }
