package meshview

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// watcher is an open page.
type watcher struct {
	picture chan struct{} // has a token if there is a new picture
	events  chan Event
	skipped int // events for which the channel had no room; guarded by Board.mu
}

const (
	watcherEvents = 20               // a page takes that many events at once, then one every 50 ms
	writeWithin   = 10 * time.Second // a page that reads nothing for this long is disconnected
)

// serveStream serves the page's server-sent events (WHATWG HTML, section 9.2).
func (b *Board) serveStream(w http.ResponseWriter, r *http.Request) {
	me := &watcher{picture: make(chan struct{}, 1), events: make(chan Event, watcherEvents)}
	b.mu.Lock()
	if len(b.watchers) >= maxWatchers {
		b.mu.Unlock()
		writeText(w, http.StatusServiceUnavailable, errTooManyWatchers.Error())
		return
	}
	b.watchers[me] = struct{}{}
	b.startLooking()
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, me)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that would buffer the stream
	to := http.NewResponseController(w)
	send := func(kind string, v any) bool {
		text, err := json.Marshal(v)
		if err != nil {
			return false
		}
		to.SetWriteDeadline(time.Now().Add(writeWithin)) // a server that does not support this has its own deadline
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, text); err != nil {
			return false
		}
		return to.Flush() == nil
	}
	if !send("mesh", b.picture()) {
		return
	}
	pause := time.NewTicker(time.Second / watcherEvents)
	defer pause.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-me.picture:
			if !send("mesh", b.picture()) {
				return
			}
		case e := <-me.events:
			if !send("event", e) {
				return
			}
			<-pause.C
		}
	}
}

// show makes all pages draw the mesh.
func (b *Board) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watchers {
		select {
		case w.picture <- struct{}{}:
		default: // the page has not drawn the last picture yet
		}
	}
}

// onEvent sends an event to all pages.
func (b *Board) onEvent(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.At = b.since(time.Now())
	for w := range b.watchers {
		mine := e
		mine.Skipped += w.skipped
		select {
		case w.events <- mine:
			w.skipped = 0
		default:
			w.skipped = mine.Skipped + 1
		}
	}
}
