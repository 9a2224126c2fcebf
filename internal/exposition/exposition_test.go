package exposition

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// held is a node whose Stats return after release is closed.
type held struct{ asked, release chan struct{} }

func (h held) ID() smoke.ID { return smoke.ID{1} }

func (h held) Stats() smoke.Stats {
	h.asked <- struct{}{}
	<-h.release
	return smoke.Stats{Emitted: 7}
}

func TestAFifthScrapeIsRefused(t *testing.T) {
	node := held{make(chan struct{}), make(chan struct{})}
	h := Handler(node)
	answers := make(chan *httptest.ResponseRecorder)
	for range mostScrapes {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			answers <- w
		}()
		<-node.asked
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("the fifth request at a time gets %d", w.Code)
	}
	close(node.release)
	for range mostScrapes {
		if w := <-answers; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\nsmokesignal_emitted_events_total 7\n") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
	go func() { <-node.asked }()
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil)); w.Code != http.StatusOK {
		t.Errorf("a request after the others gets %d", w.Code)
	}
}
