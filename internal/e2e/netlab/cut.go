package netlab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rules is the router's table. A pair of ports in the set cuts blocks that direction. A
// port in the set isolated is blocked completely. The rules look at each packet alone,
// without state, so they also apply to existing connections.
const rules = `
table inet lab {
	set cuts { type ifname . ifname; }
	set isolated { type ifname; }
	counter dropped {}
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cuts counter name dropped drop
		iifname @isolated counter name dropped drop
		oifname @isolated counter name dropped drop
	}
}
`

// Cut drops everything between the two sides from now on, in both directions. Cutting twice
// is not an error.
func (l *Lab) Cut(a, b string) error {
	if err := l.CutOneWay(a, b); err != nil {
		return err
	}
	return l.CutOneWay(b, a)
}

// CutOneWay drops everything from one side to the other from now on. The opposite direction
// stays open.
func (l *Lab) CutOneWay(from, to string) error {
	if err := l.nft(l.cutElement(from, to)); err != nil {
		return fmt.Errorf("cut %s from %s: %w", to, from, err)
	}
	return nil
}

// Part drops everything between sides of different parts from now on, for all of them at
// the same moment. Sides in no part can reach all others.
func (l *Lab) Part(parts ...[]string) error {
	var script strings.Builder
	for i, part := range parts {
		for _, other := range slices.Concat(slices.Concat(parts[:i]...), slices.Concat(parts[i+1:]...)) {
			for _, side := range part {
				script.WriteString(l.cutElement(side, other))
			}
		}
	}
	if err := l.nft(script.String()); err != nil {
		return fmt.Errorf("cut the lab in %d parts: %w", len(parts), err)
	}
	return nil
}

func (l *Lab) cutElement(from, to string) string {
	return fmt.Sprintf("add element inet lab cuts { %q . %q }\n", port(l.number(from)), port(l.number(to)))
}

// Isolate drops everything to or from the sides from now on, for all of them at the same
// moment.
func (l *Lab) Isolate(sides ...string) error {
	if err := l.nft(l.elements("isolated", sides)); err != nil {
		return fmt.Errorf("isolate %s: %w", strings.Join(sides, ", "), err)
	}
	return nil
}

// elements adds the ports of sides to a set.
func (l *Lab) elements(set string, sides []string) string {
	var script strings.Builder
	for _, side := range sides {
		fmt.Fprintf(&script, "add element inet lab %s { %q }\n", set, port(l.number(side)))
	}
	return script.String()
}

// shield is a chain for [Lab.Shield]. It is added with the first shielded side, because a
// stateful rule makes the kernel track all connections.
const shield = `
table inet lab {
	set shielded { type ifname; }
	chain shield {
		type filter hook forward priority 10; policy accept;
		oifname @shielded ct state new drop
	}
}
`

// Shield drops, as long as the lab lives, all packets that open a connection to one of the
// sides, like a NAT: the sides can dial but can't be dialled. It sends no reset and no
// ICMP. Existing connections may or may not survive, so call Shield before any node
// connects.
func (l *Lab) Shield(sides ...string) error {
	if err := l.nft(shield + l.elements("shielded", sides)); err != nil {
		return fmt.Errorf("shield %s: %w", strings.Join(sides, ", "), err)
	}
	return nil
}

// Heal ends all cuts and reconnects isolated sides. Bytes that TCP held back arrive with
// its next retransmission.
func (l *Lab) Heal() error {
	if err := l.nft("flush set inet lab cuts\nflush set inet lab isolated\n"); err != nil {
		return fmt.Errorf("heal the cuts: %w", err)
	}
	return nil
}

// Dropped returns the number of packets that the cuts have dropped since the lab was made.
// To verify that a cut is in force, wait until it rises.
func (l *Lab) Dropped() (int, error) {
	cmd := l.in(hubName, "nft", "-j", "list", "counter", "inet", "lab", "dropped")
	text, err := output(cmd)
	if err != nil {
		return 0, fmt.Errorf("count dropped packets: %w", err)
	}
	var listing struct {
		Nftables []struct {
			Counter *struct{ Packets int }
		}
	}
	if err := json.Unmarshal(text, &listing); err != nil {
		return 0, fmt.Errorf("count dropped packets: read what nft says: %w", err)
	}
	for _, entry := range listing.Nftables {
		if entry.Counter != nil {
			return entry.Counter.Packets, nil
		}
	}
	return 0, fmt.Errorf("count dropped packets: nft named no counter in %q", text)
}

// nft runs a script in the router's namespace, completely or not at all.
func (l *Lab) nft(script string) error {
	return run(l.in(hubName, "nft", "-f", "-"), script)
}
