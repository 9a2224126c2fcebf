package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/smoketest"
)

func TestFiguresOfANode(t *testing.T) {
	o := smoketest.Options{Setup: func(t *testing.T, i int, node *smoke.Node) {
		node.Broadcast().On("chat", func() {})
	}}
	smoketest.RunWith(t, 2, o, func(t *testing.T, net *smoketest.Network) {
		if err := net.Node(0).Broadcast().Emit("chat"); err != nil {
			t.Fatal(err)
		}
		net.Settle()
		answer := httptest.NewRecorder()
		figures(net.Node(1)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, want := range []string{"\nsmokesignal_peers 1\n", "\nsmokesignal_delivered_events_total 1\n"} {
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("%d, without %q:\n%s", answer.Code, want, answer.Body)
			}
		}
	})
}
