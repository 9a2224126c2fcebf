package smoke_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// A secret in the wrong place is never part of an error.
func TestNoErrorShowsASecret(t *testing.T) {
	secret, other := trust.NewSecret(), trust.NewSecret()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var written syncBuffer // by the loggers of the nodes
	logger := logrus.New()
	logger.SetOutput(&written)
	logger.SetLevel(logrus.DebugLevel)
	try := func(o smoke.Options) {
		if err := o.Validate(); err != nil {
			texts = append(texts, err.Error())
		}
		o.Logger = logger
		node := smoke.CreateNode(o)
		if err := node.Start(); err != nil {
			texts = append(texts, err.Error())
		}
		node.Stop()
	}
	weak := "correct horse correct horse" // a passphrase: it can be recognised as a secret only in an option for secrets
	for _, text := range []string{secret, weak} {
		for _, o := range []smoke.Options{
			{Secret: text, Secrets: []string{other, other}}, {Secrets: []string{text, text}}, {Secret: text + "?"}, {Secrets: []string{other, text}},
		} {
			try(o)
		}
	}
	for _, o := range []smoke.Options{
		{Seeds: []string{secret + ":1"}, Resolver: noNames{}}, {StateFile: filepath.Join(dir, secret, "state")}, {Address: secret}, {Listen: secret}, {Advertise: secret}, {Seeds: []string{secret}}, {Seeds: []string{"dns://" + secret}},
		{Network: secret + strings.Repeat("x", 300)}, {Network: secret + "\x01"}, {Signed: []string{secret}}, {Signed: []string{secret + " "}},
	} {
		try(o)
	}
	for _, name := range []string{"ADDRESS", "PORT", "LISTEN", "ADVERTISE", "SEEDS", "MIN_PEERS", "MAX_PEERS", "MAX_GUESTS", "NETWORK", "KEY_FILE", "STATE_FILE",
		"SIGNED", "SECRET", "SECRET_FILE", "SECRETS", "INSECURE_PLAINTEXT", "PING_INTERVAL", "PING_TIMEOUT", "LOG_LEVEL"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SMOKE_"+name, secret)
			o, err := smoke.FromEnv()
			if err != nil {
				texts = append(texts, err.Error())
			}
			for _, w := range o.Warnings() {
				texts = append(texts, w.String())
			}
			if err := o.Validate(); err != nil {
				texts = append(texts, err.Error())
			}
		})
	}
	texts = append(texts, strings.Split(written.String(), "\n")...)
	for _, text := range slices.Compact(texts) {
		for _, hidden := range []string{secret, weak, other} {
			if strings.Contains(text, hidden) {
				t.Errorf("an error shows a secret: %.300s", strings.ReplaceAll(text, hidden, "<THE SECRET>"))
			}
		}
	}
}

// noNames is a resolver that resolves no name. Its errors contain the name.
type noNames struct{}

func (noNames) Lookup(_ context.Context, seed string) ([]string, error) {
	return nil, errors.New("no such name: " + seed)
}
