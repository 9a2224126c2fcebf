package meshview_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
)

// A page of another site may point its name at the address of the server, but must not read
// the answers.
func TestForeignNamesAreRefused(t *testing.T) {
	own := meshview.Names{Node: []string{"node.example.org:8495", "0.0.0.0", ""}}
	server := httptest.NewServer(meshview.Guard(meshview.New(newRing(1)), func() meshview.Names { return own }))
	defer server.Close()
	ask := func(host, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	for _, c := range []struct {
		host string
		want int
	}{
		{"127.0.0.1:8496", 200}, {"[::1]:8496", 200}, {"10.0.0.7", 200}, {"localhost:1", 200}, {"LOCALHOST.", 200}, {"smoke.localhost", 200},
		{"node.example.org", 200}, {"Node.Example.Org:8496", 200},
		{"evil.example.org", 421}, {"localhost.evil.example.org", 421}, {"127.0.0.1.evil.example.org:8496", 421}, {"notlocalhost", 421},
	} {
		if code, text := ask(c.host, "/debug/smoke/api/options"); code != c.want || code == 421 && (!strings.Contains(text, "--http-host") || strings.Contains(text, "options\"")) {
			t.Errorf("as %s: %d %s", c.host, code, text)
		}
	}
	if code, text := ask("lb.example.org", "/debug/smoke/livez"); code != 200 || text == "" {
		t.Errorf("livez: %d %q", code, text)
	}
	if code, text := ask("lb.example.org", "/debug/smoke/readyz"); code != 200 || text != "" {
		t.Errorf("readyz tells a foreign page %d %q", code, text)
	}
	for _, more := range []string{"evil.example.org", "*"} {
		own.More = []string{more}
		if code, _ := ask("evil.example.org", "/debug/smoke/api/options"); code != 200 {
			t.Errorf("with %s set: %d", more, code)
		}
	}
}

// A handler that a test calls directly has no host name. It refuses nothing unless names
// were set.
func TestAHandlerWithoutAServerIsNotRefused(t *testing.T) {
	for _, more := range [][]string{nil, {"mesh.example.org"}} {
		h := meshview.Guard(meshview.New(newRing(1)), func() meshview.Names { return meshview.Names{More: more} })
		want := 200
		if more != nil {
			want = 421
		}
		if w := get(h, "/api/options"); w.Code != want { // as example.com
			t.Errorf("with %s: %d", fmt.Sprint(more), w.Code)
		}
	}
}
