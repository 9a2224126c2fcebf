package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// progress says what is being measured and how long it will go on, on a terminal
// only. It may be used by many goroutines.
type progress struct {
	out   io.Writer // nil: nobody watches
	start time.Time

	mu    sync.Mutex // guards all below
	jobs  int
	begun int
	total time.Duration // as planned
	done  time.Duration // of that
}

func newProgress(w io.Writer, requests []request) *progress {
	p := &progress{start: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = f
	}
	for _, r := range requests {
		jobs, err := r.jobs()
		if err != nil {
			continue // run says it
		}
		for _, j := range jobs {
			p.total += planned(j.spec)
		}
		p.jobs += len(jobs)
	}
	return p
}

func planned(s load.Spec) time.Duration { return s.Warm + s.For + around(s) }

func (p *progress) begin(s load.Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	if p.out == nil {
		return
	}
	left := ""
	// What has been done says how much slower we are than planned.
	if p.done > 0 && p.total > p.done {
		eta := time.Duration(float64(p.total-p.done) / float64(p.done) * float64(time.Since(p.start)))
		left = ", about " + eta.Round(time.Second).String() + " left"
	}
	fmt.Fprintf(p.out, "\r\x1b[K[%d of %d] %s: %s, %d nodes, %d bytes%s", p.begun, max(p.jobs, p.begun), s.Workload, s.Contestant, s.N, s.Size, left)
}

func (p *progress) end(s load.Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += planned(s)
}

// clear makes room for something else.
func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
