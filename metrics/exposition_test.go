package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/smokesignal-go/smokesignal/internal/exposition"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// smoke node --metrics writes its text without a Prometheus library. It must equal the
// library's text.
func TestTheTextIsThatOfTheLibrary(t *testing.T) {
	for _, f := range []figures{
		{},
		{Peers: 4, RTT: 1500 * time.Microsecond, BytesIn: 1 << 33, Delivered: 1 << 60, Split: true, Waited: 2500 * time.Millisecond, Refused: smoke.Refused{Floods: 7}},
		{RTT: 1, Emitted: 123456789, Waited: time.Hour},
	} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(New(&f))
		ask := func(h http.Handler) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			return w
		}
		want, got := ask(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})), ask(exposition.Handler(&f))
		if got.Code != want.Code || got.Header().Get("Content-Type") != want.Header().Get("Content-Type") {
			t.Errorf("got %d, %v; want %d, %v", got.Code, got.Header(), want.Code, want.Header())
		}
		if got.Body.String() != want.Body.String() {
			t.Errorf("got\n%s\nwant\n%s", got.Body, want.Body)
		}
	}
}
