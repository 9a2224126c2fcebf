package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// runner measures requests.
type runner struct {
	stderr          io.Writer
	cpu, mem, mutex string // files for profiles, to which a contestant's name is appended; empty: none
	progress        *forecast
}

// job is one measurement of a request.
type job struct {
	contestant contest.Contestant
	spec       load.Spec
}

// jobs returns the measurements of a request, round after round. Each round begins with
// another contestant.
func (r request) jobs() (list []job, err error) {
	contestants, err := r.contestants()
	if err != nil {
		return nil, err
	}
	for _, n := range r.ns {
		for _, size := range r.sizes {
			for round := range max(r.rounds, r.slowRounds) {
				for i := range contestants {
					c := contestants[(i+round)%len(contestants)]
					if round < r.roundsOf(c) {
						list = append(list, job{c, r.spec(c, n, size, round+1)})
					}
				}
			}
		}
	}
	return list, nil
}

// run measures a request. It prints errors at once; they are also in the results.
func (r *runner) run(ctx context.Context, req request) (results []*load.Result, err error) {
	jobs, err := req.jobs()
	if err != nil {
		return nil, err
	}
	if req.sideBySide {
		return r.runSideBySide(ctx, jobs), ctx.Err()
	}
	windowed := make(map[string]bool) // contestants that lose messages without a window
	for _, j := range jobs {
		result := r.measure(ctx, j)
		results = append(results, result)
		lost := result.Lost+result.UnderWay > 0
		if req.workload == "flat" && req.window == 0 && !j.contestant.BackPressure && (lost || windowed[j.contestant.Name]) {
			windowed[j.contestant.Name] = true
			j.spec.Window = window
			results = append(results, r.measure(ctx, j))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return results, nil
}

func (r *runner) runSideBySide(ctx context.Context, jobs []job) []*load.Result {
	results := make([]*load.Result, len(jobs))
	var all sync.WaitGroup
	for i, j := range jobs {
		all.Go(func() { results[i] = r.measure(ctx, j) }) // owner: this call; ends with the measurement
	}
	all.Wait()
	return results
}

func (r *runner) measure(ctx context.Context, j job) *load.Result {
	r.progress.begin(j.spec)
	defer r.progress.end(j.spec)
	name := j.spec.Contestant
	result := measureApart(ctx, order{j.spec, suffixed(r.cpu, name), suffixed(r.mem, name), suffixed(r.mutex, name)}, r.stderr)
	if result.Error != "" {
		r.progress.line.Clear()
		fmt.Fprintf(r.stderr, "!! %s, round %d: %s\n", name, j.spec.Round, result.Error)
	}
	if result.Missing != "" && j.spec.Round == 1 {
		r.progress.line.Clear()
		fmt.Fprintf(r.stderr, "!! %s, %s of %d bytes, is NOT measured: %s\n", name, j.spec.Workload, j.spec.Size, result.Missing)
	}
	return result
}

func suffixed(path, name string) string {
	if path == "" {
		return ""
	}
	return path + "." + name
}

// around returns an estimate of the time that a measurement takes in addition to the
// measured time.
func around(s load.Spec) time.Duration {
	return 300*time.Millisecond + time.Duration(s.N)*5*time.Millisecond
}
