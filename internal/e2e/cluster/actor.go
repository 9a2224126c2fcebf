package cluster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Actor is one process, and what is known of it from its reports. It belongs to
// the goroutine that owns the cast. Others read its exported fields only.
type Actor struct {
	Seat  int
	ID    string   // empty until it is up
	Addr  string   // where it listens; empty until it is up
	Links []string // the ids of its neighbours
	Ends  []End    // of its links, in the order in which they ended

	Joined bool               // it has had a neighbour
	Told   map[Kind]int       // how often it reported each kind
	Gaps   map[string]string  // which numbers it was told are lost, by origin; the last time
	Gone   bool               // the process has ended
	Killed bool               // by us
	Paused bool               // by us
	Exit   error              // once it has gone; nil when it ended well
	first  map[Kind]time.Time // when it reported each kind for the first time in this phase
	latest map[*Actor]int     // the highest number heard from each

	cmd      *exec.Cmd
	orders   *json.Encoder
	stdin    io.Closer
	log      *bytes.Buffer // what it wrote to standard error; complete once it has gone
	failures []string      // what it said that it could not do
}

// End is the end of a link, as one of its two nodes saw it.
type End struct {
	Peer string // the neighbour's id, shortened as in the log
	Why  string // the reason, in the words of the log
}

// IsAccident reports whether a link ended for a fault, and not because one of the
// two let it go for something better.
func (e End) IsAccident() bool {
	switch e.Why {
	case peerlist.ReasonNone.String(), peerlist.ReasonSilent.String(), peerlist.ReasonSlow.String(), peerlist.ReasonProtocol.String():
		return true
	}
	return false
}

// news is something that an actor did: a report, or that it has gone.
type news struct {
	actor  *Actor
	report Report
	gone   bool
	exit   error
}

// newActor is an actor without a process.
func newActor(seat int) *Actor {
	return &Actor{
		Seat:   seat,
		Told:   make(map[Kind]int),
		Gaps:   make(map[string]string),
		first:  make(map[Kind]time.Time),
		latest: make(map[*Actor]int),
		log:    new(bytes.Buffer),
	}
}

// launch starts a process; its news arrive on the channel.
func launch(seat int, cmd *exec.Cmd, verbose bool, arrivals chan<- news) (*Actor, error) {
	a := newActor(seat)
	a.cmd = cmd
	cmd.Stderr = a.log
	if verbose {
		cmd.Stderr = os.Stderr
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start node %d: %w", seat, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start node %d: %w", seat, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node %d: %w", seat, err)
	}
	a.orders, a.stdin = json.NewEncoder(stdin), stdin
	// The actor owns this goroutine; the end of the process ends it, and the
	// cast waits for its last news.
	go a.listen(stdout, arrivals)
	return a, nil
}

// listen passes reports on until the process ends.
func (a *Actor) listen(stdout io.Reader, arrivals chan<- news) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var r Report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			r = Report{Is: Failed, Text: fmt.Sprintf("reported %q: %v", lines.Bytes(), err)}
		}
		arrivals <- news{actor: a, report: r}
	}
	// A line that can't be read would leave the process stuck in writing it.
	if lines.Err() != nil {
		a.cmd.Process.Kill()
	}
	arrivals <- news{actor: a, gone: true, exit: a.cmd.Wait()}
}

// take learns from news.
func (a *Actor) take(n news, now time.Time) {
	if n.gone {
		a.Gone, a.Exit, a.Links = true, n.exit, nil
		return
	}
	r := n.report
	a.Told[r.Is]++
	if _, told := a.first[r.Is]; !told {
		a.first[r.Is] = now
	}
	switch r.Is {
	case Up:
		a.ID, a.Addr = r.Node, r.Addr
	case Linked:
		a.Links = r.Links
		a.Joined = a.Joined || len(r.Links) > 0
	case Parted:
		a.Ends = append(a.Ends, End{Peer: r.Node, Why: r.Text})
	case Gap:
		a.Gaps[r.Node] = r.Text
	case Failed:
		a.failures = append(a.failures, r.Text)
	}
}

// Tell gives an order.
func (a *Actor) Tell(o Order) error {
	if err := a.orders.Encode(o); err != nil {
		return fmt.Errorf("tell node %d: %w", a.Seat, err)
	}
	return nil
}

// Pause has the process stand still, as a machine does that swaps or whose
// hypervisor is busy: its kernel goes on answering, it does not.
func (a *Actor) Pause() error {
	if err := pause(a.cmd.Process); err != nil {
		return fmt.Errorf("pause node %d: %w", a.Seat, err)
	}
	a.Paused = true
	return nil
}

// Resume ends a Pause.
func (a *Actor) Resume() error {
	if err := resume(a.cmd.Process); err != nil {
		return fmt.Errorf("resume node %d: %w", a.Seat, err)
	}
	a.Paused = false
	return nil
}

// kill ends the process as kill -9 does.
func (a *Actor) kill() error {
	a.Killed = true
	if err := a.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill node %d: %w", a.Seat, err)
	}
	return nil
}

// LastWords is the last thing that an actor complained about; empty if it did
// not, or has not gone.
func (a *Actor) LastWords() string {
	if len(a.failures) > 0 {
		return a.failures[len(a.failures)-1]
	}
	if !a.Gone {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(a.log.String()), "\n")
	return lines[len(lines)-1]
}
