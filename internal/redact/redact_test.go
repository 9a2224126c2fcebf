package redact

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// Random secrets of either alphabet are hidden wherever they are in a text.
func TestSecretsAreHidden(t *testing.T) {
	shown := map[int]int{} // by the bytes of the secret
	for n := range 4000 {
		b := make([]byte, 32-n%2*16)
		rand.Read(b)
		for _, secret := range []string{
			base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
			hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		} {
			for _, frame := range []string{"%", "dns://%:80", "open /run/secrets/%: no such file", "%xxxxxxxxxxxxxxxxxxxxxxx", `["a" "%"]`, "%@host", "%\n%"} {
				if strings.Contains(frame, "%x") && strings.Contains(secret, "/") {
					continue // a path of that length is as likely
				}
				if strings.Contains(Text(strings.ReplaceAll(frame, "%", secret)), secret) {
					shown[len(b)]++
				}
			}
		}
	}
	if shown[32] > 84 || shown[16] > 840 { // of 84 000 each
		t.Errorf("shown: %v", shown)
	}
}

// Ordinary texts stay as they are.
func TestOrdinaryTextsAreShown(t *testing.T) {
	id := "00112233445566778899aabbccddeeff"
	for _, text := range []string{
		"/tmp/TestANodeFindsItsNeighboursByTheStateFile1428073498/001/state",
		"", "open /var/lib/smokesignal/node.state: permission denied", "/Users/Ann/Library/Caches/smoke", "github.com/smokesignal-go/smokesignal/smoke",
		"host-with-a-long-name.of.a-domain.example:8495", "[2001:db8::1]:8495", "SMOKE_INSECURE_PLAINTEXT", "UserAccountHasBeenCreatedEvent", "smoke.LocalIP(\"192.168.2.0/24\")",
		"can't reach node 00112233", "a seed could not be looked up; trying again", strings.Repeat("-", 100),
	} {
		if got := Text(text); got != text {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := TextWithIDs("no node " + id); got != "no node "+id {
		t.Errorf("with an id: %q", got)
	}
	if got := Text("no node " + id); strings.Contains(got, id) {
		t.Errorf("a secret of 16 bytes: %q", got)
	}
}
