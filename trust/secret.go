package trust

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

const (
	secretBytes = 32 // of those that NewSecret makes
	leastSecret = 16 // 128 bits: whoever hears a proof may try guesses for ever
	leastVaried = 8  // different bytes in a secret: rather few than a pattern
)

// NewSecret draws a secret for [Rules], as text.
func NewSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: the program ends where it would
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ErrWeakSecret says that a secret could be guessed.
var ErrWeakSecret = errors.New("a secret is at least 16 random bytes in base64 or hexadecimal digits: make one with `smoke key secret`")

// CheckSecret reports whether a text can be a secret: nil, or [ErrWeakSecret]. A
// password is none: an active attacker can try guesses at leisure.
func CheckSecret(text string) error {
	_, err := parseSecret(text)
	return err
}

func parseSecret(text string) ([]byte, error) {
	secret, err := hex.DecodeString(text)
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
		if err == nil {
			break
		}
		secret, err = encoding.DecodeString(text)
	}
	varied := make(map[byte]bool)
	for _, b := range secret {
		varied[b] = true
	}
	if err != nil || len(secret) < leastSecret || len(varied) < leastVaried {
		return nil, ErrWeakSecret
	}
	return secret, nil
}

// proofLabel is what the proofs of this protocol begin with. The version changes
// with what is proven.
const proofLabel = "smokesignal secret 1"

// prove shows the end of a connection that the other end, prover, knows the
// secret. It holds for this connection, by what both ends have exported of it; for
// this end, by its role, so that it can't be sent back to who made it; and for
// these two nodes, whose certificates what is exported does not cover.
func prove(secret, exported []byte, proverDialled bool, prover, verifier ident.ID) []byte {
	role := byte('A')
	if proverDialled {
		role = 'D'
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(proofLabel))
	mac.Write([]byte{0, role})
	mac.Write(exported)
	mac.Write(prover[:])
	mac.Write(verifier[:])
	return mac.Sum(nil)
}
