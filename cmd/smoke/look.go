package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
)

const statusLong = `Show the state of a network: its nodes, whether they are connected, problems and what to
do about them.

It ends with 1 if there is a problem.
`

func statusCommand() *cobra.Command {
	v := newViewing()
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "show the state of the network and any problems",
		Long:    statusLong + viewHelp,
		Example: "  smoke status\n  smoke status --seeds 192.168.2.100:8495 --json",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := v.see(cmd)
			if err != nil {
				return err
			}
			out := &lines{w: cmd.OutOrStdout(), asJSON: v.asJSON}
			silent := m.silent()
			if out.asJSON {
				out.object(facts{
					"self": m.Self, "nodes": len(m.Nodes) - silent, "silent": silent, "parts": m.sizes(), "links": m.links(),
					"complete": m.Complete, "problems": append([]meshview.Problem{}, m.Problems...),
				})
			} else {
				m.printStatus(out)
			}
			if len(m.Problems) > 0 {
				return errFailed
			}
			return nil
		},
	}
	v.flags(cmd.Flags())
	return cmd
}

func (m *mesh) silent() (n int) {
	for _, node := range m.Nodes {
		if node.Silent {
			n++
		}
	}
	return n
}

func (m *mesh) sizes() []int {
	sizes := []int{}
	for _, part := range m.Parts {
		sizes = append(sizes, len(part))
	}
	return sizes
}

// links counts the links between nodes that are not silent, each once.
func (m *mesh) links() int {
	type pair struct{ a, b smoke.ID }
	seen := make(map[pair]bool)
	for _, n := range m.Nodes {
		for _, l := range n.Links {
			other, _ := m.end(l.Peer, n.ID)
			if n.Silent || other == nil || other.Silent {
				continue
			}
			p := pair{n.ID, l.Peer}
			if p.b.Less(p.a) {
				p = pair{p.b, p.a}
			}
			seen[p] = true
		}
	}
	return len(seen)
}

func (m *mesh) printStatus(out *lines) {
	silent := m.silent()
	text := fmt.Sprintf("%s, %s", count(len(m.Nodes)-silent, "node"), count(m.links(), "link"))
	if len(m.Parts) > 1 {
		text += fmt.Sprintf(", in %d PARTS", len(m.Parts))
	}
	if silent > 0 {
		text += fmt.Sprintf("; %d silent", silent)
	}
	if !m.Complete {
		text += "; not all have answered"
	}
	out.print(text)
	if n := m.self(); n != nil {
		out.print(fmt.Sprintf("this node: %s at %s, up %v, %s, heard %s", n.ID.Short(), shown(n.Addr), since(n.Uptime),
			count(n.Degree, "peer"), count(int(n.Delivered), "event")))
	}
	for _, p := range m.Problems {
		who := ""
		if !p.Node.IsZero() {
			who = p.Node.Short() + ": "
		}
		out.print("PROBLEM " + who + p.Text)
		if p.Do != "" {
			out.print("        " + p.Do)
		}
	}
	if len(m.Problems) == 0 {
		out.print("nothing is wrong")
	}
}

func nodesCommand() *cobra.Command {
	v := newViewing()
	cmd := &cobra.Command{
		Use:     "nodes",
		Short:   "list all nodes of the network",
		Long:    "List the nodes of a network with what each reports.\n" + viewHelp,
		Example: "  smoke nodes\n  smoke nodes --seeds 192.168.2.100:8495 --json",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := v.see(cmd)
			if err != nil {
				return err
			}
			if v.asJSON {
				out := &lines{w: cmd.OutOrStdout()}
				for _, n := range m.Nodes {
					out.object(n)
				}
				return nil
			}
			return printNodes(cmd.OutOrStdout(), m, nil)
		},
	}
	v.flags(cmd.Flags())
	return cmd
}

// printNodes prints a table of nodes. rates are received events per second; nil omits
// the column. There is a column for versions if they differ.
func printNodes(w io.Writer, m *mesh, rates map[smoke.ID]float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	last := "PART"
	if rates != nil {
		last = "EVENTS/S"
	}
	head := []string{"NODE", "ADDRESS", "UP", "PEERS", "EMITTED", "HEARD", "LOST", "QUEUED", last}
	differ := slices.ContainsFunc(m.Nodes, func(n meshview.NodeView) bool { return n.Version != m.Nodes[0].Version })
	if differ {
		head = append(head, "VERSION")
	}
	fmt.Fprintln(t, strings.Join(head, "\t"))
	part := make(map[smoke.ID]int)
	for i, ids := range m.Parts {
		for _, id := range ids {
			part[id] = i + 1
		}
	}
	for _, n := range m.Nodes {
		name := n.ID.Short()
		if n.ID == m.Self && !m.isGuest {
			name += " *"
		}
		last = fmt.Sprint(part[n.ID])
		switch {
		case n.Silent:
			last = fmt.Sprintf("silent for %.0f s", n.Seen)
		case rates != nil:
			last = fmt.Sprintf("%.0f", rates[n.ID])
		}
		most := fmt.Sprint(n.MaxPeers)
		if n.MaxPeers == 0 {
			most = "∞"
		}
		if differ {
			last += "\t" + visible(cmp.Or(n.Version, "?"))
		}
		fmt.Fprintf(t, "%s\t%s\t%v\t%d (%d–%s)\t%d\t%d\t%d\t%d\t%s\n", name, visible(shown(n.Addr)), since(n.Uptime),
			n.Degree, n.MinPeers, most, n.Emitted, n.Delivered, n.Gaps, n.Queued, last)
	}
	return t.Flush()
}

// shown formats an address for people.
func shown(addr string) string {
	if addr == "" {
		return "(none)"
	}
	return addr
}

// since formats a time with two or three digits.
func since(s smoke.Seconds) time.Duration {
	d := s.Duration()
	if d < time.Minute {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func peersCommand() *cobra.Command {
	v := newViewing()
	cmd := &cobra.Command{
		Use:   "peers [NODE]",
		Short: "list the links of a node",
		Long: "List the links of a node: the one that is asked, or NODE, which is the beginning of\nan id, or an address. The end that dialled measures the round trip.\n" +
			viewHelp,
		Example: "  smoke peers\n  smoke peers 5fa1 --seeds 192.168.2.100:8495",
		Args:    argsOf(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && cmd.Flags().Changed("seeds") {
				return usageError{errors.New("with --seeds the command needs a NODE")}
			}
			m, err := v.see(cmd)
			if err != nil {
				return err
			}
			n := m.self()
			if len(args) > 0 {
				n, err = m.find(args[0])
			}
			switch {
			case err != nil:
				return err
			case n == nil:
				return errors.New("the node does not report about itself")
			}
			return printPeers(cmd.OutOrStdout(), m, n, v.asJSON)
		},
	}
	v.flags(cmd.Flags())
	return cmd
}

func printPeers(w io.Writer, m *mesh, n *meshview.NodeView, asJSON bool) error {
	type row struct {
		Node    smoke.ID `json:"node"`
		Addr    string   `json:"addr"`
		RTT     float64  `json:"rtt"` // seconds; 0: not known
		Pushes  bool     `json:"pushes"`
		Pushed  bool     `json:"pushed"`
		Dialled bool     `json:"dialled"`
		Lag     int      `json:"lag"`
	}
	var rows []row
	for _, l := range n.Links {
		r := row{Node: l.Peer, RTT: float64(l.RTT), Pushes: l.Eager, Dialled: l.Dialled, Lag: l.Lag}
		if other, back := m.end(l.Peer, n.ID); other != nil {
			r.Addr = other.Addr
			if back != nil {
				r.Pushed, r.RTT = back.Eager, max(r.RTT, float64(back.RTT))
			}
		}
		rows = append(rows, r)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Node.Compare(rows[j].Node) < 0 })
	if asJSON {
		out := &lines{w: w}
		for _, r := range rows {
			out.object(r)
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PEER\tADDRESS\tROUND TRIP\tEVENTS GO\tDIALLED BY\tWAITING")
	for _, r := range rows {
		ways := map[[2]bool]string{{true, true}: "both ways", {true, false}: "there", {false, true}: "here", {false, false}: "if asked for"}
		by := "it"
		if r.Dialled {
			by = "us"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d B\n", r.Node.Short(), visible(shown(r.Addr)), trip(r.RTT), ways[[2]bool{r.Pushes, r.Pushed}], by, r.Lag)
	}
	return t.Flush()
}

func trip(seconds float64) string {
	if seconds == 0 {
		return "?"
	}
	return smoke.Seconds(seconds).Duration().Round(time.Microsecond).String()
}

// end returns a node and its end of the link to another node, or nil if there is none.
func (m *mesh) end(id, to smoke.ID) (*meshview.NodeView, *smoke.LinkInfo) {
	i, ok := slices.BinarySearchFunc(m.Nodes, id, func(n meshview.NodeView, id smoke.ID) int { return n.ID.Compare(id) })
	if !ok {
		return nil, nil
	}
	n := &m.Nodes[i]
	for j := range n.Links {
		if n.Links[j].Peer == to {
			return n, &n.Links[j]
		}
	}
	return n, nil
}

func pathCommand() *cobra.Command {
	v := newViewing()
	cmd := &cobra.Command{
		Use:   "path [FROM] TO",
		Short: "show the path of events from one node to another",
		Long: "Show the path of events from a node (the one that is asked, or FROM) to another: the\nshortest one over links that push events now. It changes with the network. Name nodes\nby the beginning of an id, or by an address.\n\nIt ends with 1 if there is no path.\n" +
			viewHelp,
		Example: "  smoke path 5fa1\n  smoke path 5fa1 192.168.2.7:8495 --seeds 192.168.2.100:8495 --json",
		Args:    argsOf(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && cmd.Flags().Changed("seeds") {
				return usageError{errors.New("with --seeds the command needs FROM and TO")}
			}
			m, err := v.see(cmd)
			if err != nil {
				return err
			}
			from := m.self()
			if len(args) == 2 {
				if from, err = m.find(args[0]); err != nil {
					return err
				}
			}
			to, err := m.find(args[len(args)-1])
			switch {
			case err != nil:
				return err
			case from == nil:
				return errors.New("the node does not report about itself")
			}
			return m.printPath(&lines{w: cmd.OutOrStdout(), asJSON: v.asJSON}, from, to)
		},
	}
	v.flags(cmd.Flags())
	return cmd
}

// hop is one link of a path.
type hop struct {
	From smoke.ID `json:"from"`
	To   smoke.ID `json:"to"`
	Addr string   `json:"addr"` // of To
	RTT  float64  `json:"rtt"`  // seconds; 0: not known
}

// way returns the shortest path over links that push events. It returns false if there is
// none.
func (m *mesh) way(from, to smoke.ID) (hops []hop, ok bool) {
	before := map[smoke.ID]hop{from: {}}
	for queue := []smoke.ID{from}; len(queue) > 0; queue = queue[1:] {
		n, _ := m.end(queue[0], smoke.ID{})
		if n == nil || n.Silent {
			continue
		}
		for _, l := range n.Links {
			other, back := m.end(l.Peer, n.ID)
			if _, seen := before[l.Peer]; seen || !l.Eager || other == nil || other.Silent {
				continue
			}
			h := hop{From: n.ID, To: l.Peer, Addr: other.Addr, RTT: float64(l.RTT)}
			if back != nil {
				h.RTT = max(h.RTT, float64(back.RTT))
			}
			before[l.Peer] = h
			queue = append(queue, l.Peer)
		}
	}
	if _, ok = before[to]; !ok {
		return nil, false
	}
	for at := to; at != from; at = before[at].From {
		hops = append(hops, before[at])
	}
	slices.Reverse(hops)
	return hops, true
}

func (m *mesh) printPath(out *lines, from, to *meshview.NodeView) error {
	hops, ok := m.way(from.ID, to.ID)
	whole := 0.0
	isKnown := true
	for _, h := range hops {
		whole += h.RTT / 2
		isKnown = isKnown && h.RTT > 0
	}
	if out.asJSON {
		f := facts{"from": from.ID, "to": to.ID, "found": ok, "hops": append([]hop{}, hops...)}
		if isKnown {
			f["seconds"] = whole
		}
		out.object(f)
	}
	switch {
	case !ok && !out.asJSON:
		out.print(fmt.Sprintf("no way on which events are pushed leads from %s to %s; they come when they are asked for", from.ID.Short(), to.ID.Short()))
		return errFailed
	case !ok:
		return errFailed
	case out.asJSON:
		return nil
	}
	out.print(fmt.Sprintf("   %s %s", from.ID.Short(), shown(from.Addr)))
	for i, h := range hops {
		out.print(fmt.Sprintf("%2d %s %s, round trip %s", i+1, h.To.Short(), shown(h.Addr), trip(h.RTT)))
	}
	sum := ""
	if isKnown && len(hops) > 0 {
		sum = fmt.Sprintf(", about %s one way", trip(whole))
	}
	out.print(count(len(hops), "hop") + sum)
	return nil
}

// byRate puts the busiest nodes first.
func (m *mesh) byRate(rates map[smoke.ID]float64) {
	sort.SliceStable(m.Nodes, func(i, j int) bool {
		x, y := m.Nodes[i].ID, m.Nodes[j].ID
		return cmp.Or(cmp.Compare(rates[y], rates[x]), x.Compare(y)) < 0
	})
}
