package demo

import (
	"fmt"
	"io"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/progress"
)

// story holds the figures of the whole story.
type story struct {
	Cut        string    `json:"cut"` // how the network is partitioned
	Nodes      int       `json:"nodes"`
	Phases     []measure `json:"phases"`
	Shortfalls []string  `json:"shortfalls"` // empty: all is well
}

func (t *story) add(m measure) {
	t.Phases = append(t.Phases, m)
	for _, short := range m.short {
		t.Shortfalls = append(t.Shortfalls, m.Phase+": "+short)
	}
}

// measure holds the figures of one phase.
type measure struct {
	Phase   string   `json:"phase"`
	Seconds float64  `json:"seconds"` // until the phase's condition holds
	Alive   int      `json:"alive"`
	Parts   int      `json:"parts"`
	Fewest  int      `json:"fewest_links"`
	Most    int      `json:"most_links"`
	Said    int      `json:"said"`
	Heard   int      `json:"heard"` // deliveries
	Missing int      `json:"missing"`
	Doubled int      `json:"doubled"`
	Notes   []string `json:"notes,omitempty"`

	short []string
}

func (m *measure) fellShort(format string, args ...any) {
	m.short = append(m.short, fmt.Sprintf(format, args...))
}

func (m *measure) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}

// within records how long something took, or that it never happened.
func (m *measure) within(what string, took time.Duration, ok bool) {
	m.Seconds = took.Seconds()
	if !ok {
		m.fellShort("not in %.0f s: %s", took.Seconds(), what)
	}
}

// count adds the state of the overlay and of the ledger, and reports faults of the ledger:
// nothing may be missing, duplicated or misdelivered.
func (m *measure) count(c *cast) {
	alive := c.Alive()
	m.Alive, m.Parts = len(alive), cluster.Parts(alive)
	m.Fewest, m.Most = cluster.Degrees(alive)
	t := c.Ledger.Tally()
	m.Said, m.Heard, m.Missing, m.Doubled = t.Said, t.Heard, t.Missing, t.Doubled
	if t.Missing > 0 {
		m.fellShort("%d deliveries are missing", t.Missing)
	}
	if t.Doubled > 0 {
		m.fellShort("%d deliveries came again", t.Doubled)
	}
	if t.Strayed > 0 {
		m.fellShort("%d deliveries came to nodes that should not get them", t.Strayed)
	}
	if t.Disordered > 0 {
		m.fellShort("%d deliveries came after a later one of the same node", t.Disordered)
	}
}

// screen shows the story to a person. The zero screen shows nothing.
type screen struct {
	out   io.Writer
	line  *progress.Line // below the table; nil: none
	phase string
}

func (s *screen) printf(format string, args ...any) {
	if s.out != nil {
		fmt.Fprintf(s.out, format, args...) // an error can't be reported elsewhere
	}
}

func (s *screen) title(t story) {
	s.printf("%d processes on one machine; the cut is %s\n\n", t.Nodes, t.Cut)
	s.printf("%-13s %8s  %5s %5s %6s  %5s %6s %7s %7s\n",
		"phase", "took", "alive", "parts", "links", "said", "heard", "missing", "doubled")
}

func (s *screen) begin(phase string) { s.phase = phase }

// progress overwrites the line of the current phase.
func (s *screen) progress(c *cast) func(took time.Duration) {
	if !s.line.IsLive() {
		return nil
	}
	return func(took time.Duration) {
		alive := c.Alive()
		fewest, most := cluster.Degrees(alive)
		s.line.Show("%-13s %6.1f s  %5d %5d %6s  … %d to be heard", s.phase, took.Seconds(),
			len(alive), cluster.Parts(alive), fmt.Sprintf("%d–%d", fewest, most), c.Ledger.Missing())
	}
}

// row shows a finished phase.
func (s *screen) row(m measure) {
	s.line.Clear()
	verdict := ""
	if len(m.short) > 0 {
		verdict = "  FELL SHORT"
	}
	s.printf("%-13s %6.2f s  %5d %5d %6s  %5d %6d %7d %7d%s\n", m.Phase, m.Seconds, m.Alive, m.Parts,
		fmt.Sprintf("%d–%d", m.Fewest, m.Most), m.Said, m.Heard, m.Missing, m.Doubled, verdict)
	for _, note := range m.Notes {
		s.printf("              %s\n", note)
	}
}

func (s *screen) end(t story) {
	if len(t.Shortfalls) == 0 {
		s.printf("\nall is well\n")
		return
	}
	s.printf("\nfell short:\n")
	for _, short := range t.Shortfalls {
		s.printf("  %s\n", short)
	}
}
