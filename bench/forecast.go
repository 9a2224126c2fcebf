package main

import (
	"io"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
	"github.com/smokesignal-go/smokesignal/internal/progress"
)

// forecast shows what is being measured and how long the rest will take, on a terminal
// only. Many goroutines may use it.
type forecast struct {
	line  *progress.Line
	start time.Time

	mu    sync.Mutex // guards all below
	jobs  int
	begun int
	total time.Duration // planned length of all measurements
	done  time.Duration // planned length of those that have ended
}

func newForecast(w io.Writer, requests []request) *forecast {
	p := &forecast{line: progress.On(w), start: time.Now()}
	for _, r := range requests {
		jobs, err := r.jobs()
		if err != nil {
			continue // run prints the error
		}
		for _, j := range jobs {
			p.total += planned(j.spec)
		}
		p.jobs += len(jobs)
	}
	return p
}

func planned(s load.Spec) time.Duration { return s.Warm + s.For + around(s) }

func (p *forecast) begin(s load.Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	left := ""
	// The measurements so far show by how much the planned length is too short.
	if p.done > 0 && p.total > p.done {
		eta := time.Duration(float64(p.total-p.done) / float64(p.done) * float64(time.Since(p.start)))
		left = ", about " + eta.Round(time.Second).String() + " left"
	}
	p.line.Show("[%d of %d] %s: %s, %d nodes, %d bytes%s", p.begun, max(p.jobs, p.begun), s.Workload, s.Contestant, s.N, s.Size, left)
}

func (p *forecast) end(s load.Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += planned(s)
}
