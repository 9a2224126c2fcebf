package netlab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rules is the router's table. A pair of ports in the set cuts is a cable that
// does not carry anything in that direction, and one in the set isolated carries
// nothing at all. The rules look at each packet by itself, with no state, so that
// they hold for connections that were there before.
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

// Cut drops, from now on, everything that goes between the two sides, in both
// directions. Cutting twice is no error.
func (l *Lab) Cut(a, b string) error {
	if err := l.CutOneWay(a, b); err != nil {
		return err
	}
	return l.CutOneWay(b, a)
}

// CutOneWay drops, from now on, what goes from one side to the other; the way
// back stays open.
func (l *Lab) CutOneWay(from, to string) error {
	if err := l.nft(l.cutElement(from, to)); err != nil {
		return fmt.Errorf("cut %s from %s: %w", to, from, err)
	}
	return nil
}

// Part drops, from now on, everything that goes between sides of different
// parts. It does so for all of them at one instant. Sides in no part reach
// everybody.
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

// Isolate drops, from now on, everything that goes to or from the sides, for all
// of them at one instant.
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

// shield is a chain for [Lab.Shield]. It comes into the table with the first
// shielded side, since a rule with state has the kernel track all connections.
const shield = `
table inet lab {
	set shielded { type ifname; }
	chain shield {
		type filter hook forward priority 10; policy accept;
		oifname @shielded ct state new drop
	}
}
`

// Shield drops, for as long as the lab lives, what opens a connection to one of
// the sides, as a NAT does: the sides can dial, and can't be dialled. No reset,
// no ICMP. Connections that are there already may or may not survive, so shield
// before anybody connects.
func (l *Lab) Shield(sides ...string) error {
	if err := l.nft(shield + l.elements("shielded", sides)); err != nil {
		return fmt.Errorf("shield %s: %w", strings.Join(sides, ", "), err)
	}
	return nil
}

// Heal ends all the cuts, and brings isolated sides back. What TCP held back
// meanwhile arrives with its next retransmission.
func (l *Lab) Heal() error {
	if err := l.nft("flush set inet lab cuts\nflush set inet lab isolated\n"); err != nil {
		return fmt.Errorf("heal the cuts: %w", err)
	}
	return nil
}

// Dropped says how many packets the cuts have swallowed since the lab was made.
// A test that wants to know that a cut is in force waits for it to rise.
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

// nft runs a script in the router's namespace. A script is carried out whole or
// not at all.
func (l *Lab) nft(script string) error {
	return run(l.in(hubName, "nft", "-f", "-"), script)
}
