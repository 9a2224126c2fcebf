package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// actor is one process, and what the story knows of it from its reports. Only
// the story's goroutine touches it.
type actor struct {
	seat   int
	cmd    *exec.Cmd
	orders *json.Encoder
	stdin  io.Closer
	log    *bytes.Buffer // what it wrote to standard error; complete once it has gone

	id    string
	addr  string
	links []string
	heard map[string]int           // text → how often
	told  map[reportKind]int       // how often it reported each kind
	first map[reportKind]time.Time // when it did for the first time since the phase began

	gone   bool
	killed bool
	exit   error
}

// news is something that an actor did: a report, or that it has gone.
type news struct {
	actor  *actor
	report report
	gone   bool
	exit   error
}

// launch starts a process; its news arrive on the channel.
func launch(seat int, cmd *exec.Cmd, verbose bool, arrivals chan<- news) (*actor, error) {
	a := &actor{
		seat:  seat,
		cmd:   cmd,
		log:   new(bytes.Buffer),
		heard: make(map[string]int),
		told:  make(map[reportKind]int),
		first: make(map[reportKind]time.Time),
	}
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
func (a *actor) listen(stdout io.Reader, arrivals chan<- news) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			r = report{Is: isFailed, Text: fmt.Sprintf("reported %q: %v", lines.Bytes(), err)}
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
func (a *actor) take(n news, now time.Time) {
	if n.gone {
		a.gone, a.exit, a.links = true, n.exit, nil
		return
	}
	r := n.report
	a.told[r.Is]++
	if _, told := a.first[r.Is]; !told {
		a.first[r.Is] = now
	}
	switch r.Is {
	case isUp:
		a.id, a.addr = r.Node, r.Addr
	case isLinks:
		a.links = r.Links
	case isHeard:
		a.heard[r.Text]++
	case isFailed:
		fmt.Fprintln(a.log, r.Text)
	}
}

// tell gives an order.
func (a *actor) tell(o order) error {
	if err := a.orders.Encode(o); err != nil {
		return fmt.Errorf("tell node %d: %w", a.seat, err)
	}
	return nil
}

// kill ends the process as kill -9 does.
func (a *actor) kill() error {
	a.killed = true
	if err := a.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill node %d: %w", a.seat, err)
	}
	return nil
}
