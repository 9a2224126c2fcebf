package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/trust"
)

// If a secret is in the wrong flag, no error of the command shows it.
func TestNoFlagShowsASecret(t *testing.T) {
	secret := trust.NewSecret()
	for _, flag := range []string{"--secret-file", "--key", "--tls", "--port", "--min-peers", "--address", "--advertise", "--listen", "--seeds", "--network", "--signed", "--state", "--log-level", "--within", "--" + secret} {
		for _, value := range []string{secret, "/" + secret + "\x01"} {
			var out, errors bytes.Buffer
			if code := run([]string{"ping", "127.0.0.1:1", flag, value}, &out, &errors); code == 0 {
				t.Errorf("%s: exit code 0", flag)
			}
			if text := out.String() + errors.String(); strings.Contains(text, secret) {
				t.Errorf("%s: %s", flag, strings.ReplaceAll(text, secret, "<THE SECRET>"))
			}
		}
	}
}
