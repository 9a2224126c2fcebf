package trust

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// A text that a person has thought of is no secret, although it can be read as base64 or
// hexadecimal digits.
func TestAGuessableTextIsNoSecret(t *testing.T) {
	for _, text := range []string{
		"passwordpasswordpassword", "correct-horse-battery-staples", "ourteamssecretpassphrase1234",
		"0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff", "abcdefghijklmnopqrstuvwx", "ABCDEFGHIJKLMNOPQRSTUVWX",
		base64.StdEncoding.EncodeToString([]byte("passwordpasswordpassword")), hex.EncodeToString([]byte("correct horse battery")),
	} {
		if CheckSecret(text) == nil {
			t.Errorf("%q is taken for a secret", text)
		}
	}
	for range 10_000 {
		if err := CheckSecret(NewSecret()); err != nil {
			t.Fatal(err)
		}
	}
}
