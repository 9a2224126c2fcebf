package smoke

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// state is what a node keeps in a file between its lives.
type state struct {
	// Anchors are where to begin: neighbours that were dialled. Who fills the books
	// of a network while a node is away can't take these from it.
	Anchors []string `json:"anchors"`
}

const (
	mostState  = 4 << 10     // bytes of the file; it has some hundred
	stateEvery = time.Minute // it is written when it is another one, and at the end
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
		if _, err := netip.ParseAddrPort(addr); err != nil {
			return state{}, fmt.Errorf("%s: anchor %.100q is no address: %w", path, addr, err)
		}
	}
	return s, nil
}

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

// loadState gives the anchors of the last life. What is wrong with the file is no
// reason not to start.
func (n *Node) loadState() []string {
	path := n.opts.StateFile
	if path == "" || n.anchors != nil {
		return n.anchors
	}
	s, err := readState(path)
	if err != nil {
		n.log.warn("the state of the last life can't be read; starting without", fields{"file": path, "error": err})
	}
	return s.Anchors
}

// keepState writes the file now and then, so that a node that is killed has one. The
// end of the life ends it.
func (d *driver) keepState() {
	every := time.NewTicker(stateEvery)
	defer every.Stop()
	var last []string
	for {
		select {
		case <-every.C:
		case <-d.ctx.Done():
			return
		}
		var anchors []string
		d.step(func(time.Time) { anchors = d.machine.Anchors() })
		if len(anchors) > 0 && !slices.Equal(anchors, last) {
			last = anchors
			d.saveState(anchors)
		}
	}
}

// saveState writes the file. A node that has no anchors now keeps those of before.
func (d *driver) saveState(anchors []string) {
	path := d.opts.StateFile
	if path == "" || len(anchors) == 0 {
		return
	}
	if err := (state{anchors}).write(path); err != nil {
		d.log.warn("the state for the next life can't be written", fields{"file": path, "error": err})
	}
}
