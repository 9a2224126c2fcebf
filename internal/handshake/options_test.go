package handshake

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Links are encrypted unless only this machine can reach the node.
func TestLinksAreEncrypted(t *testing.T) {
	key, err := trust.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	rule := func(context.Context, trust.Candidate) error { return nil }
	for _, c := range []struct {
		o                 Options
		encrypted, isOpen bool
	}{
		{Options{}, false, false},
		{Options{Address: "127.0.0.1"}, false, false},
		{Options{Address: "[::1]"}, false, false},
		{Options{Address: "LOCALHOST."}, false, false},
		{Options{Address: "a.localhost"}, false, false},
		{Options{Listen: "127.0.0.2:1", Advertise: NoAddress}, false, false},
		{Options{Advertise: NoAddress}, false, false},
		{Options{Advertise: "localhost:1"}, false, false},
		{Options{Address: "10.0.0.1"}, true, true},
		{Options{Address: "10.0.0.1", Advertise: NoAddress}, true, true},
		{Options{Listen: "0.0.0.0"}, true, true},
		{Options{Listen: "[::]:1", Advertise: "127.0.0.1"}, true, true},
		{Options{Advertise: "chat.example.org:80"}, true, true},
		{Options{Advertise: "what is this"}, true, true},
		{Options{Address: "10.0.0.1", HasTransport: true}, false, false},
		{Options{Address: "10.0.0.1", InsecurePlaintext: true}, false, false},
		{Options{Key: key}, true, true},
		{Options{Key: key, HasTransport: true}, true, true},
		{Options{TLS: new(tls.Config)}, true, false},
		{Options{Secret: "s"}, true, false},
		{Options{Secrets: []string{"s"}}, true, false},
		{Options{Allow: []ident.ID{{1}}}, true, false},
		{Options{Admit: rule, HasTransport: true}, true, false},
	} {
		if c.o.IsEncrypted() != c.encrypted || c.o.IsOpen() != c.isOpen {
			t.Errorf("%+v: encrypted %v, open %v", c.o, c.o.IsEncrypted(), c.o.IsOpen())
		}
		guard, made, err := c.o.Guard()
		if c.o.TLS == nil && c.o.Secret == "" && c.o.Secrets == nil && (err != nil || (guard != nil) != c.encrypted || (made != nil) != c.encrypted) {
			t.Errorf("%+v: guard %v, key %v, %v", c.o, guard != nil, made != nil, err)
		}
	}
}
