package logging

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/callstack"
)

const (
	// mostRecords is how many log records may wait for the program's logger. A guess:
	// what a node logs in a second at level debug, some 300 kB.
	mostRecords = 1024

	// mostNested limits how deep records nest: the program's logger, while it writes one,
	// makes the node log another. A guess: one or two are useful, more are a loop.
	mostNested = 4

	// flushSoon is how long Start, and a Shutdown whose context has ended, wait for
	// the program's logger. A guess: long for a write, short for a person.
	flushSoon = 100 * time.Millisecond
)

// record is a log message on its way to the program's logger.
type record struct {
	at      time.Time
	level   logrus.Level
	message string
	fields  Fields
	nested  int // how many records are above it in such a chain; 0: the program's logger did not cause it
}

// sink passes records on to the program's logger, in order. It does so on a goroutine that
// exists only while records wait. Only flush waits for the logger. If the logger does not
// keep up, the sink drops new records, counts them, and reports their number by a record
// of its own.
//
// Any goroutine may use a sink, with any lock held.
type sink struct {
	out logrus.FieldLogger

	mu      sync.Mutex // guards all below; never held while the logger runs
	waiting []record
	dropped int           // records dropped since the last report
	isFull  bool          // records were dropped because too many waited; the next report is written even if no record follows
	writing bool          // the goroutine exists
	nested  int           // record.nested of the record that is being written
	idle    chan struct{} // closed when the goroutine ends; nil while no flush waits

	lost, panics uint64 // lost counts dropped records; panics counts calls of the logger that panicked
}

// put queues a record, or drops it. It never waits.
func (s *sink) put(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing && Inside() {
		r.nested = s.nested + 1
	}
	isFull := len(s.waiting) >= mostRecords
	if isFull || r.nested > mostNested {
		s.isFull = s.isFull || isFull
		s.dropped++
		s.lost++
		return
	}
	if s.dropped > 0 && r.nested == 0 {
		s.waiting = append(s.waiting, s.report(r.at))
	}
	s.waiting = append(s.waiting, r)
	s.start()
}

// report returns a record about the dropped ones. The caller holds mu.
func (s *sink) report(now time.Time) record {
	n := s.dropped
	s.dropped, s.isFull = 0, false
	return record{
		at: now, level: logrus.WarnLevel, fields: Fields{"records": n},
		message: "log records were dropped: Options.Logger is too slow, or logs in a loop",
	}
}

// start starts the goroutine if records wait and it does not run. The caller holds mu.
func (s *sink) start() {
	if s.writing || len(s.waiting) == 0 {
		return
	}
	s.writing = true
	// The logging goroutine. Owner: this sink, one at most. It ends when no record
	// waits; flush waits for it, and gives up if the program's logger hangs.
	go s.write()
}

// write passes records on until none waits. It is the logging goroutine.
func (s *sink) write() {
	finished := false
	defer func() {
		if !finished { // the logger has ended its goroutine with runtime.Goexit
			s.mu.Lock()
			defer s.mu.Unlock()
			s.panics++
			s.writing = false
			s.start()
			s.rest()
		}
	}()
	for {
		r, ok := s.take()
		if !ok {
			break
		}
		s.writeOne(r)
	}
	finished = true
}

// take returns the next record. If there is none, it marks the goroutine as ended.
func (s *sink) take() (r record, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 && s.isFull {
		s.waiting = append(s.waiting, s.report(time.Now()))
	}
	if len(s.waiting) == 0 {
		s.waiting = nil
		s.writing = false
		s.rest()
		return record{}, false
	}
	r = s.waiting[0]
	s.waiting[0] = record{}
	s.waiting = s.waiting[1:]
	s.nested = r.nested
	return r, true
}

// rest wakes flush if the goroutine has ended. The caller holds mu.
func (s *sink) rest() {
	if !s.writing && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// writeOne calls the program's logger. A panic of the logger is only counted, because there
// is no other logger to report it.
func (s *sink) writeOne(r record) {
	defer func() {
		if recover() != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.panics++
		}
	}()
	s.out.WithFields(r.fields).WithTime(r.at).Log(r.level, r.message)
}

// flush waits until all records are written, and reports false if ctx ends first. It
// does not wait if the logger calls it.
func (s *sink) flush(ctx context.Context) bool {
	for {
		s.mu.Lock()
		if !s.writing {
			s.mu.Unlock()
			return true
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle := s.idle
		s.mu.Unlock()
		if Inside() {
			return true
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return false
		}
	}
}

// flushBriefly is flush for callers without a context, or with one that has ended.
func (s *sink) flushBriefly() bool {
	ctx, cancel := context.WithTimeout(context.Background(), flushSoon)
	defer cancel()
	return s.flush(ctx)
}

// counts returns how many records were dropped, and how many calls of the logger
// panicked.
func (s *sink) counts() (lost, panics uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.panics
}

// frame is the name of the function that is on the stack in every call of the program's
// logger.
var frame = reflect.TypeFor[sink]().PkgPath() + ".(*sink).writeOne"

// Inside reports whether the caller runs on the logging goroutine of some Logger, and
// must not wait for records to be written.
func Inside() bool { return callstack.Has(frame) }
