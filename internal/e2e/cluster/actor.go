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

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// Actor is one process and the state that its reports describe. It belongs to the goroutine
// that owns the cast. Other packages may only read its exported fields.
type Actor struct {
	Seat  int
	ID    string   // empty until it is up
	Addr  string   // the address it listens on; empty until it is up
	Links []string // the ids of its neighbours
	Ends  []End    // ends of its links, in order

	Joined bool               // it has had a neighbour
	Told   map[Kind]int       // number of reports of each kind
	Gaps   map[string]string  // sequence numbers that it reported as lost, by origin; the last report
	Gone   bool               // the process has ended
	Killed bool               // by the cast
	Paused bool               // by the cast
	Exit   error              // set after the process has ended; nil: it ended without an error
	first  map[Kind]time.Time // when it first reported each kind in this phase
	latest map[*Actor]int     // the highest number received from each actor

	cmd      *exec.Cmd
	orders   *json.Encoder
	stdin    io.Closer
	log      *bytes.Buffer // its standard error; complete after the process has ended
	failures []string      // failures that it reported
}

// End is the end of a link, as one of its two nodes reported it.
type End struct {
	Peer string // the neighbour's id, shortened as in the log
	Why  string // the reason, as in the log
}

// IsAccident reports whether a link ended because of a fault, and not because one of the
// two replaced it.
func (e End) IsAccident() bool {
	switch e.Why {
	case hyparview.ReasonNone.String(), hyparview.ReasonSilent.String(), hyparview.ReasonSlow.String(), hyparview.ReasonProtocol.String():
		return true
	}
	return false
}

// IsRotation reports whether one of the two replaced the link to keep the network mixed.
func (e End) IsRotation() bool { return e.Why == hyparview.ReasonRotate.String() }

// news is a report of an actor, or its end.
type news struct {
	actor  *Actor
	report Report
	gone   bool
	exit   error
}

// newActor makes an actor without a process.
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

// launch starts a process. Its news arrive on the channel.
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
	// Owner: the actor. The end of the process ends it, and the cast waits for its last
	// news.
	go a.listen(stdout, arrivals)
	return a, nil
}

// listen forwards reports until the process ends.
func (a *Actor) listen(stdout io.Reader, arrivals chan<- news) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var r Report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			r = Report{Is: Failed, Text: fmt.Sprintf("reported %q: %v", lines.Bytes(), err)}
		}
		arrivals <- news{actor: a, report: r}
	}
	// If reading stops, the process must not block in writing.
	if lines.Err() != nil {
		a.cmd.Process.Kill()
	}
	arrivals <- news{actor: a, gone: true, exit: a.cmd.Wait()}
}

// take updates the actor with news.
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

// Tell sends an order.
func (a *Actor) Tell(o Order) error {
	if err := a.orders.Encode(o); err != nil {
		return fmt.Errorf("tell node %d: %w", a.Seat, err)
	}
	return nil
}

// Pause suspends the process, like a machine that swaps or whose hypervisor is busy. Its
// kernel keeps answering; the process does not.
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

// kill ends the process like kill -9.
func (a *Actor) kill() error {
	a.Killed = true
	if err := a.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill node %d: %w", a.Seat, err)
	}
	return nil
}

// LastWords returns the last message on standard error. It is empty if there was none, or
// if the actor still runs.
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
