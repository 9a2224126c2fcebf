package trust

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/ident"
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

// MaxSecrets is the largest number of secrets that are valid at once.
const MaxSecrets = 8

// What a list of secrets can be refused for, beside [ErrWeakSecret].
var (
	ErrManySecrets = fmt.Errorf("%d secrets are the most that are valid at once", MaxSecrets)
	ErrSameSecret  = errors.New("a secret is in the list twice")
)

// IsSameSecret reports whether two texts are one secret, be it that one is in base64 and
// the other in hexadecimal digits.
func IsSameSecret(a, b string) bool {
	one, errOne := parseSecret(a)
	other, errOther := parseSecret(b)
	return errOne == nil && errOther == nil && hmac.Equal(one, other)
}

// secrets returns those of the rules, the one to prove first.
func (r *Rules) secrets() ([][]byte, error) {
	texts := r.Secrets
	if r.Secret != "" && (len(texts) == 0 || r.Secret != texts[0]) {
		texts = append([]string{r.Secret}, texts...)
	}
	if len(texts) > MaxSecrets {
		return nil, ErrManySecrets
	}
	var list [][]byte
	for _, text := range texts {
		secret, err := parseSecret(text)
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if hmac.Equal(secret, other) {
				return nil, ErrSameSecret
			}
		}
		list = append(list, secret)
	}
	return list, nil
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
