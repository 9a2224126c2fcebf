package engine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// state is what a node keeps in a file between its lives: its [Memory].
type state struct {
	// Anchors are the addresses that the next life dials first: neighbours that this
	// node had dialled. An attacker that fills the address books of a network while a
	// node is away can't remove them.
	Anchors []string `json:"anchors"`
	// Heard are the events that the node has heard, so that it does not hear them again.
	Heard heardState `json:"heard,omitempty"`
}

const (
	stateWithin = 5 * time.Second // a read or write of the StateFile
	mostState   = 64 << 10        // bytes of the file: mostHeard origins take some 50 kB
	mostHeard   = 1024            // origins, the latest ones
	stateEvery  = time.Minute     // it is written when it is another one, and at the end
)

// readState reads a file; one that is not there holds nothing.
func readState(path string) (s state, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, err
	case info.Size() > mostState:
		return s, fmt.Errorf("%s has %d bytes: this is no file of a node's state", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, addr := range s.Anchors {
		if !isAnchor(addr) {
			return state{}, fmt.Errorf("%s: anchor %.100q is no address", path, addr)
		}
	}
	if len(s.Heard) > mostHeard {
		return state{}, fmt.Errorf("%s has %d origins, more than a node writes", path, len(s.Heard))
	}
	return s, nil
}

// isAnchor reports whether an address may stand in the file.
func isAnchor(addr string) bool {
	_, err := netip.ParseAddrPort(addr)
	return err == nil
}

// heardState is written as base64: of each origin its id, 16 bytes, its epoch, 8 bytes,
// big endian, and the number of the next event, as a uvarint.
type heardState []plumtree.Range

// MarshalText implements encoding.TextMarshaler.
func (h heardState) MarshalText() ([]byte, error) {
	var b []byte
	for _, r := range h {
		b = append(b, r.Origin.ID[:]...)
		b = binary.BigEndian.AppendUint64(b, r.Origin.Epoch)
		b = binary.AppendUvarint(b, r.To)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *heardState) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*h = nil
	for len(b) > 0 {
		r := plumtree.Range{From: 1}
		if len(b) < ident.Size+8 {
			return errHeard
		}
		b = b[copy(r.Origin.ID[:], b):]
		r.Origin.Epoch, b = binary.BigEndian.Uint64(b), b[8:]
		n := 0
		r.To, n = binary.Uvarint(b)
		if n <= 0 || r.To == 0 || r.To > wire.MaxSeq+1 || r.Origin.ID.IsZero() {
			return errHeard
		}
		b = b[n:]
		*h = append(*h, r)
	}
	return nil
}

var errHeard = errors.New("what the node has heard is cut short, or out of range")

// write replaces the file, whole or not at all.
func (s state) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".state-*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// stateFile is the StateFile of a node.
type stateFile struct {
	path  string // empty: there is none
	calls *callout.Calls
	log   *logging.Logger

	mu    sync.Mutex // guards saved
	saved state      // what is in the file, or will be
}

func newStateFile(cfg *Config) *stateFile {
	return &stateFile{path: cfg.StateFile, calls: cfg.Calls, log: cfg.Log}
}

// load returns the state of the last life: what the Node remembers, and else the file.
// What is wrong with the file is no reason not to start.
func (f *stateFile) load(ctx context.Context, known Memory) state {
	f.saved = state{known.Anchors, known.Heard}
	if f.path == "" || known.Heard != nil {
		return f.saved
	}
	ctx, cancel := context.WithTimeout(ctx, stateWithin)
	defer cancel()
	last, err := callout.Ask(ctx, f.calls, &callout.Call{Kind: callout.State, What: "read of StateFile " + f.path}, func(context.Context) (state, error) {
		return readState(f.path)
	}, nil)
	if err != nil {
		f.log.Warn("the state of the last life can't be read; starting without", logging.Fields{"file": f.path, "error": err})
	}
	if known.Anchors != nil {
		last.Anchors = known.Anchors
	}
	f.saved = last
	return last
}

// save writes the file, if it would be another one. A node that has no anchors now keeps
// those of before. What it has heard is written without the origins that were silent
// longest, if there are too many. save waits for that until stateWithin or the end of
// ctx, and does nothing while an earlier call hangs.
func (f *stateFile) save(ctx context.Context, s state) {
	f.mu.Lock()
	// Where a peer can be dialled, the peer may have said itself: only what readState
	// takes is written, so that no peer spoils the file.
	s.Anchors = slices.DeleteFunc(slices.Clone(s.Anchors), func(addr string) bool { return !isAnchor(addr) })
	if len(s.Anchors) == 0 {
		s.Anchors = f.saved.Anchors
	}
	s.Heard = s.Heard[max(0, len(s.Heard)-mostHeard):]
	if f.path == "" || f.calls.Has(callout.State) || slices.Equal(s.Anchors, f.saved.Anchors) && slices.Equal(s.Heard, f.saved.Heard) {
		f.mu.Unlock()
		return
	}
	f.saved = s
	f.mu.Unlock()
	c := &callout.Call{Kind: callout.State, What: "write of StateFile " + f.path}
	f.calls.Start(c, func() error {
		err := s.write(f.path)
		if err != nil {
			f.log.Warn("the state for the next life can't be written", logging.Fields{"file": f.path, "error": err})
		}
		return err
	})
	limit := time.NewTimer(stateWithin)
	defer limit.Stop()
	select {
	case <-c.Finished():
		return
	case <-limit.C:
	case <-ctx.Done():
	}
	select {
	case <-c.Finished():
	case <-time.After(callout.LateAfter):
	}
}

// keepState writes the file now and then, so that a node that is killed has one. The
// end of the life ends it.
func (d *Driver) keepState() {
	every := time.NewTicker(stateEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-d.ctx.Done():
			return
		}
		var s state
		isOver := true
		d.step(func(time.Time) { isOver, s = false, state{d.machine.Anchors(), d.machine.Heard()} })
		if isOver {
			return
		}
		d.file.save(d.ctx, s)
	}
}
