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
	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// state is what a node keeps in a file from one life to the next: its [Memory].
type state struct {
	// Anchors are the addresses that the next life dials first: neighbours that this node
	// had dialled. An attacker that fills the address books of a network while a node is
	// away can't remove these addresses.
	Anchors []string `json:"anchors"`
	// Heard holds the events that handlers have got, so that they do not get them again.
	Heard heardState `json:"heard,omitempty"`
}

const (
	stateWithin = 5 * time.Second // time limit of one read or write of the StateFile
	mostState   = 64 << 10        // size of the longest file in bytes; mostHeard origins take some 50 kB
	mostHeard   = 1024            // most origins in the file: those heard last
	stateEvery  = time.Minute     // time between writes of the file while the state changes; the end of a life writes it too
)

// readState reads the file. If there is no file, it returns the zero state.
func readState(path string) (s state, err error) {
	text, err := files.Read(path, mostState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case errors.Is(err, files.ErrTooLarge):
		return s, fmt.Errorf("%w: this is no file of a node's state", err)
	case err != nil:
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

// isAnchor reports whether an address is valid in the file.
func isAnchor(addr string) bool {
	_, err := netip.ParseAddrPort(addr)
	return err == nil
}

// heardState is encoded as base64. For each origin it has the id, 16 bytes; the epoch, 8 bytes big
// endian; and the number of the next event, as a uvarint.
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

// write replaces the file. If it fails, the old file stays complete.
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

// stateFile is the StateFile of a node, or nothing if path is empty.
type stateFile struct {
	path  string // empty: no file
	calls *callout.Calls
	log   *logging.Logger

	mu    sync.Mutex // guards saved
	saved state      // the state that is in the file, or is being written
}

func newStateFile(cfg *Config) *stateFile {
	return &stateFile{path: cfg.StateFile, calls: cfg.Calls, log: cfg.Log}
}

// load returns the state of the last life: from memory if the Node has one, otherwise
// from the file. If the file cannot be read, the node starts without it.
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

// save writes the file if the state has changed. If the node has no anchors now, save
// keeps the previous ones. If the node has heard too many origins, save leaves out those
// that were silent longest. save waits until stateWithin has passed or ctx ends. If an
// earlier call hangs, save does nothing.
func (f *stateFile) save(ctx context.Context, s state) {
	f.mu.Lock()
	// An anchor may be an address that the peer itself has sent. Only addresses that
	// readState accepts are written, so that no peer can make the file invalid.
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
	c := &callout.Call{Kind: callout.State, What: "write of StateFile " + f.path}
	f.calls.Start(c, func() error {
		err := s.write(f.path)
		if err != nil {
			f.log.Warn("the state for the next life can't be written", logging.Fields{"file": f.path, "error": err})
		}
		return err
	})
	f.mu.Unlock() // the call runs now, so no other one starts
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

// keepState writes the file at intervals, so that a file exists even if the node is
// killed. It ends with the life.
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
