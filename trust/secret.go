package trust

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/smokesignal-go/smokesignal/ident"
)

const (
	secretBytes = 32 // of the secrets that NewSecret makes
	leastSecret = 16 // 128 bits: an attacker that receives a proof can test guesses forever
	leastVaried = 8  // different bytes in a secret: fewer are likely to be a pattern
)

// NewSecret draws a secret for [Rules], as text.
func NewSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: the program would end instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ErrWeakSecret reports that a secret could be guessed.
var ErrWeakSecret = errors.New("a secret is at least 16 random bytes in base64 or hexadecimal digits: make one with `smoke key secret`")

// CheckSecret returns nil if a text can be a secret, or [ErrWeakSecret]. A password is
// not a secret: an active attacker can test guesses offline.
func CheckSecret(text string) error {
	_, err := parseSecret(text)
	return err
}

// MaxSecrets is the largest number of secrets that are valid at once.
const MaxSecrets = 8

// Errors of a list of secrets, in addition to [ErrWeakSecret].
var (
	ErrManySecrets = fmt.Errorf("at most %d secrets can be valid at once", MaxSecrets)
	ErrSameSecret  = errors.New("a secret is in the list twice")
)

// IsSameSecret reports whether two texts are the same secret, even if one is in base64
// and the other in hexadecimal digits.
func IsSameSecret(a, b string) bool {
	one, errOne := parseSecret(a)
	other, errOther := parseSecret(b)
	return errOne == nil && errOther == nil && hmac.Equal(one, other)
}

// secrets returns the secrets of the rules, the one to prove first at the front.
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
	if err != nil || len(secret) < leastSecret || isGuessable(text, secret) {
		return nil, ErrWeakSecret
	}
	return secret, nil
}

// isGuessable reports whether a text that is long enough was probably not drawn at random.
// It is wrong for one in 50 000 random secrets of 16 bytes in base64, and for no longer
// random secret.
func isGuessable(text string, secret []byte) bool {
	values, steps := make(map[byte]bool), make(map[byte]bool)
	isText := true // the bytes are printable
	for i, b := range secret {
		values[b] = true
		isText = isText && ' ' <= b && b <= '~'
		if i > 0 {
			steps[b-secret[i-1]] = true
		}
	}
	if isText || len(values) < leastVaried || 2*len(steps) < len(secret)-1 {
		return true // a text that was encoded, a pattern, or a sequence
	}
	if _, err := hex.DecodeString(text); err == nil {
		return false
	}
	return text == strings.ToLower(text) || text == strings.ToUpper(text) // in letters of one case, as words are
}

// proofLabel is the first field of a proof. Its version number changes if the proof's
// format changes.
const proofLabel = "smokesignal secret 1"

// prove returns the proof that prover knows the secret. It is valid for this
// connection, by the keying material that both ends export; for this end, by its role,
// so that it cannot be reflected to its sender; and for these two nodes, whose
// certificates the keying material does not cover.
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
