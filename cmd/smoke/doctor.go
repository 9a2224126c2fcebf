package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/discovery/dns"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// doctor is one call of smoke doctor.
type doctor struct {
	join   joining
	asJSON bool

	out     *lines
	options smoke.Options
	greeter *greeter
	counts  map[result]int

	self, advertised string // id and address of the node that listens; empty if it can't
}

// result is the result of a check.
type result string

const (
	good result = "ok"
	odd  result = "warn" // may be intended
	bad  result = "FAIL"
)

// check is one line.
type check struct {
	Check  string `json:"check"`
	Result result `json:"result"`
	Says   string `json:"says"`
	Fix    string `json:"fix,omitempty"` // what to change
}

const doctorLong = `Check whether a node with these flags and this environment would work here. It prints a
line for each check with ok, warn or FAIL, and what to change.

  options      they can be read, and are consistent
  links        how they are secured
  certificate  with --tls: dates, authority, names
  listen       the node can listen on the address; or a node of the network already does
  advertised   the address belongs to this machine, and leads back to it
  seed         its name resolves, a server listens, it is a node of the same version and
               network, and both admit each other; and it sees this machine at the
               advertised address

The command only makes a handshake with each seed, so it does not disturb a running node.
It can't check whether other machines can dial this one: run smoke ping there.

It ends with 1 if a check failed. A seed that is down fails only if all seeds are down.
`

func doctorCommand() *cobra.Command {
	d := &doctor{counts: make(map[result]int)}
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "check whether a node would work here, and say what to change",
		Long:    doctorLong + envHelp,
		Example: "  smoke doctor --address 192.168.2.0/24 --port 8495 --seeds 192.168.2.100:8495\n  SMOKE_SEEDS=dns://chat:8495 SMOKE_ADDRESS=10.1.0.0/16 smoke doctor --json",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = &lines{w: cmd.OutOrStdout(), asJSON: d.asJSON}
			ctx, release := interruptible(cmd)
			defer release()
			o, err := d.join.read(cmd.Flags())
			if d.checkOptions(o, err) {
				if err := d.run(ctx); err != nil {
					return err
				}
			}
			d.sum()
			if d.counts[bad] > 0 {
				return errFailed
			}
			return nil
		},
	}
	d.join.flags(cmd.Flags())
	cmd.Flags().BoolVar(&d.asJSON, "json", false, "print JSON, one object per check")
	return cmd
}

// tell prints the result of a check.
func (d *doctor) tell(c check) {
	d.counts[c.Result]++
	if d.asJSON {
		d.out.object(c)
		return
	}
	d.out.print(fmt.Sprintf("%-4s  %-11s  %s", c.Result, c.Check, c.Says))
	if c.Fix != "" {
		d.out.print(fmt.Sprintf("%19s-> %s", "", c.Fix))
	}
}

func (d *doctor) sum() {
	if !d.asJSON {
		d.out.print(fmt.Sprintf("%d ok, %s, %d failed", d.counts[good], count(d.counts[odd], "warning"), d.counts[bad]))
	}
}

// checkOptions checks the options, and reports whether the other checks can run. err holds
// the problems with options that could not be read.
func (d *doctor) checkOptions(o smoke.Options, err error) bool {
	for _, err := range []error{err, o.Validate()} {
		var several *smoke.OptionsError
		switch {
		case err == nil:
		case errors.As(err, &several):
			for _, p := range several.Problems {
				if p.Field == "Address" && d.join.isAddressLost(o) {
					continue // this problem follows from one that has been reported
				}
				d.tell(check{"options", bad, fmt.Sprintf("%s is %s: %s", p.Field, p.Value, p.Why), p.Fix})
			}
		default:
			for line := range strings.Lines(err.Error()) {
				d.tell(check{"options", bad, strings.TrimSpace(line), ""})
			}
		}
	}
	for _, w := range o.Warnings() {
		d.tell(check{"options", odd, w.Field + " is set: " + w.Why, w.Fix})
	}
	if d.counts[bad] > 0 {
		return false
	}
	d.options = o
	d.tell(check{"options", good, fmt.Sprintf("network %q, %s", o.Network, count(len(o.Seeds), "seed")), ""})
	return true
}

func (d *doctor) run(ctx context.Context) (err error) {
	if d.greeter, err = newGreeter(d.options); err != nil {
		return err
	}
	d.checkLinks()
	d.checkCertificate(time.Now())
	node, err := d.checkListen(ctx)
	if err != nil {
		return err
	}
	if node != nil {
		defer node.Stop() // it has emitted nothing
		d.self, d.advertised = node.ID().String(), node.Advertised()
		d.checkAdvertised(ctx)
		d.checkNames()
	}
	d.checkSeeds(ctx)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return nil
}

func (d *doctor) checkLinks() {
	o := securityOf(d.options)
	switch {
	case o.InsecurePlaintext:
		d.tell(check{"links", odd, "plaintext: whoever reaches the port can join, read, change and invent events", "leave --insecure-plaintext out, on all nodes"})
	case !o.IsEncrypted():
		d.tell(check{"links", good, "plaintext, for this machine only", ""})
	case o.IsOpen():
		d.tell(check{"links", odd, "encrypted, and open to strangers: whoever reaches the port can join", "give all nodes a secret: smoke key secret > secret; --secret-file secret"})
	default:
		d.tell(check{"links", good, "encrypted, and closed to strangers", ""})
	}
}

// checkListen starts a node without seeds. It returns nil if the node can't listen.
func (d *doctor) checkListen(ctx context.Context) (*smoke.Node, error) {
	o := d.options
	o.Seeds, o.StateFile, o.Logger = nil, "", nil
	logTo(&o, io.Discard, logrus.PanicLevel, false) // no log lines about nodes that find this one
	node := smoke.CreateNode(o)
	err := node.Start()
	if err == nil {
		d.tell(check{"listen", good, node.Addr() + " is free", ""})
		return node, nil
	}
	var failed *transport.Error
	if !errors.As(err, &failed) {
		return nil, err
	}
	if transport.IsAddrInUse(err) {
		if there, err := d.greeter.greet(ctx, dialable(failed.Addr)); err == nil {
			d.tell(check{"listen", odd, fmt.Sprintf("%s is in use by %s", failed.Addr, there.words()), "if that is your node, all is well: it runs already"})
			return nil, nil
		}
	}
	d.tell(check{"listen", bad, err.Error(), "see --address, --port and --listen"})
	return nil, nil
}

// dialable returns the address at which to dial a listener on this machine.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip, e := netip.ParseAddr(host); err == nil && (host == "" || e == nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// checkAdvertised checks the advertised address.
func (d *doctor) checkAdvertised(ctx context.Context) {
	addr := d.advertised
	if addr == "" {
		d.tell(check{"advertised", good, "none: no other node can dial this one", ""})
		return
	}
	if handshake.IsLoopback(addr) {
		d.tell(check{"advertised", good, addr + " is for nodes on this machine only", ""})
		return
	}
	own := ownAddrs()
	lookUp, cancel := context.WithTimeout(ctx, handshake.Within)
	defer cancel()
	addrs, err := dns.Resolver{}.Lookup(lookUp, addr)
	if len(addrs) == 0 {
		d.tell(check{"advertised", bad, err.Error(), "advertise an address that others can dial: --address or --advertise"})
		return
	}
	isOwn := !slices.ContainsFunc(addrs, func(a string) bool { return !slices.Contains(own, handshake.HostOf(a)) })
	for _, a := range addrs {
		there, err := d.greeter.greet(ctx, a)
		switch {
		case err == nil && there.ID == d.self:
			d.tell(check{"advertised", good, a + " leads here; smoke ping " + a + " on another machine tells whether it does from there", ""})
		case err == nil:
			d.tell(check{"advertised", bad, a + " is another one: " + there.words(), "advertise the address of this machine: --address or --advertise"})
		case isOwn:
			d.tell(check{"advertised", bad, fmt.Sprintf("%s is this machine, and leads nowhere: %v", a, err), "check --listen and --port: the node listens elsewhere, or a firewall is between"})
		default:
			d.tell(check{"advertised", odd, fmt.Sprintf("%s is no address of this machine, which has %s; dialled from here: %v", a, strings.Join(own, ", "), err),
				"behind a mapped port that can be right: run smoke ping " + a + " on another machine, while the node runs"})
		}
	}
}

// ownAddrs returns the addresses of this machine, without the loopback.
func ownAddrs() (own []string) {
	addrs, _ := net.InterfaceAddrs() // on an error the list is empty
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			own = append(own, p.Addr().Unmap().String())
		}
	}
	return own
}

// checkSeeds makes a handshake with all addresses of all seeds.
func (d *doctor) checkSeeds(ctx context.Context) {
	if len(d.options.Seeds) == 0 {
		d.tell(check{"seed", odd, "there is none: the node waits to be found", "name nodes of the network: --seeds; the first node of all needs none"})
		return
	}
	var down []check // they count as failures if all seeds are down
	isUp := false
	for _, seed := range d.options.Seeds {
		addrs, err := dns.Resolver{}.Lookup(ctx, seed)
		if err != nil {
			d.tell(check{"seed", worse(len(addrs) == 0), err.Error(), "check the name, or write an address"})
		}
		if parsed, _ := discovery.ParseSeed(seed); !parsed.IP.IsValid() && len(addrs) > 0 {
			d.tell(check{"seed", good, seed + " is " + strings.Join(addrs, ", "), ""})
		}
		for _, addr := range addrs {
			there, err := d.greeter.greet(ctx, addr)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && there.ID == d.self:
				isUp = true
				d.tell(check{"seed", good, addr + " is this node itself, a seed for others", ""})
			case err == nil:
				isUp = true
				d.tell(check{"seed", good, addr + " is " + there.words(), ""})
				d.checkSeen(there)
			case there.isAnswered():
				d.tell(check{"seed", bad, addr + ": " + err.Error(), d.greeter.fix(err)})
			default:
				down = append(down, check{"seed", odd, addr + ": " + err.Error(), d.greeter.fix(err)})
			}
		}
	}
	for _, c := range down {
		c.Result = worse(!isUp)
		d.tell(c)
	}
}

func worse(isBad bool) result {
	if isBad {
		return bad
	}
	return odd
}

// checkSeen compares the address at which a seed sees this machine with the advertised one.
func (d *doctor) checkSeen(there greeting) {
	seen, told := handshake.HostOf(there.Seen), handshake.HostOf(d.advertised)
	ip, err := netip.ParseAddr(told)
	if err != nil || ip.IsLoopback() || handshake.IsLoopback(seen) || seen == "" || seen == told || slices.Contains(ownAddrs(), seen) {
		return // equal, or nothing to compare
	}
	d.tell(check{"seed", odd, fmt.Sprintf("%s sees this machine at %s, and others are told %s: an address is translated in between", there.Addr, seen, told),
		"if others are to dial this machine, map a port and write --advertise " + seen + ":PORT"})
}
