package netlab

import (
	"encoding/json"
	"fmt"
)

// rules is the router's table. A pair of ports in the set is a cable that does
// not carry anything in that direction. The rule looks at each packet by itself,
// with no state, so that it holds for connections that were there before.
const rules = `
table inet lab {
	set cuts { type ifname . ifname; }
	counter dropped {}
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cuts counter name dropped drop
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
	element := fmt.Sprintf("add element inet lab cuts { %q . %q }\n", port(l.number(from)), port(l.number(to)))
	if err := l.nft(element); err != nil {
		return fmt.Errorf("cut %s from %s: %w", to, from, err)
	}
	return nil
}

// Heal ends all the cuts. What TCP held back meanwhile arrives with its next
// retransmission.
func (l *Lab) Heal() error {
	if err := l.nft("flush set inet lab cuts\n"); err != nil {
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
