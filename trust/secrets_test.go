package trust

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
)

// Each row is one dialling node and one accepting node during a rotation.
func TestAnyOfTheSecretsLetsIn(t *testing.T) {
	old, fresh, other := NewSecret(), NewSecret(), NewSecret()
	keyA, keyB := newTestKey(t), newTestKey(t)
	for _, c := range []struct {
		what            string
		dials, accepts  Rules
		letIn, mutually bool // whether the accepting node admits the dialling one, and then the dialling one the accepting one
	}{
		{"before", Rules{Secret: old}, Rules{Secret: old}, true, true},
		{"the first step, one way", Rules{Secrets: []string{old, fresh}}, Rules{Secret: old}, true, true},
		{"the first step, the other way", Rules{Secret: old}, Rules{Secrets: []string{old, fresh}}, true, true},
		{"the second step, one way", Rules{Secrets: []string{fresh, old}}, Rules{Secrets: []string{old, fresh}}, true, true},
		{"the second step, the other way", Rules{Secrets: []string{old, fresh}}, Rules{Secrets: []string{fresh, old}}, true, true},
		{"the third step, one way", Rules{Secret: fresh}, Rules{Secrets: []string{fresh, old}}, true, true},
		{"the third step, the other way", Rules{Secrets: []string{fresh, old}}, Rules{Secret: fresh}, true, true},
		{"a late node of before", Rules{Secret: old}, Rules{Secrets: []string{fresh, old}}, true, true},
		{"a step left out, one way", Rules{Secrets: []string{fresh, old}}, Rules{Secret: old}, false, false},
		{"after", Rules{Secret: old}, Rules{Secret: fresh}, false, false},
		{"both ways to write one", Rules{Secret: fresh}, Rules{Secret: fresh, Secrets: []string{fresh, old}}, true, true},
		{"Secret before Secrets", Rules{Secret: fresh}, Rules{Secret: fresh, Secrets: []string{old, other}}, true, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			dials, accepts := newTestGuard(t, keyA, c.dials), newTestGuard(t, keyB, c.accepts)
			a, b, errA, errB := meet(t, dials, accepts)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			err := accepts.Admit(t.Context(), b, keyA.ID(), dials.Proof(a), "", "")
			if (err == nil) != c.letIn || err != nil && !errors.Is(err, ErrWrongSecret) {
				t.Fatalf("the one that accepts says: %v", err)
			}
			if err == nil {
				err = dials.Admit(t.Context(), a, keyB.ID(), accepts.Proof(b), "", "")
				if (err == nil) != c.mutually {
					t.Errorf("the one that dials says: %v", err)
				}
			}
		})
	}
}

func TestInvalidListsOfSecrets(t *testing.T) {
	secret := NewSecret()
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, MaxSecrets+1)
	for i := range many {
		many[i] = NewSecret()
	}
	for _, c := range []struct {
		list []string
		want error
	}{
		{[]string{secret, hex.EncodeToString(raw)}, ErrSameSecret},
		{[]string{secret, "password"}, ErrWeakSecret},
		{[]string{""}, ErrWeakSecret},
		{many, ErrManySecrets},
		{many[:MaxSecrets], nil},
	} {
		if _, err := NewGuard(newTestKey(t), nil, Rules{Secrets: c.list}); !errors.Is(err, c.want) {
			t.Errorf("%d secrets: %v, want %v", len(c.list), err, c.want)
		}
	}
	if !IsSameSecret(secret, hex.EncodeToString(raw)) || IsSameSecret(secret, NewSecret()) || IsSameSecret("", "") {
		t.Error("which texts are one secret?")
	}
}
