package room

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func id(n uint32) (id smoke.ID) {
	binary.BigEndian.PutUint32(id[:], n)
	return id
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestRosterTellsNewFacesAndNewNames(t *testing.T) {
	r := newRoster(id(1), "me")
	for _, step := range []struct {
		name string
		want Change
	}{{"ann", New}, {"ann", Known}, {"bea", Renamed}, {"bea", Known}} {
		if got := r.heard(id(2), step.name, noon); got != step.want {
			t.Errorf("hearing %s: %d, want %d", step.name, got, step.want)
		}
	}
	if !r.remove(id(2)) || r.remove(id(2)) {
		t.Error("somebody is removed once")
	}
}

func TestRosterTellsNamesakesApart(t *testing.T) {
	r := newRoster(id(1), "me")
	want := func(n uint32, label string) {
		t.Helper()
		if got := r.label(id(n)); got != label {
			t.Errorf("label is %q, want %q", got, label)
		}
	}
	want(0x2222_0000, "#2222")
	r.heard(id(0x2222_0000), "ann", noon)
	want(0x2222_0000, "ann")
	r.heard(id(0x3333_0000), "ann", noon)
	want(0x2222_0000, "ann#2222")
	want(0x3333_0000, "ann#3333")
	r.remove(id(0x2222_0000))
	want(0x3333_0000, "ann")
	r.heard(id(0x4444_0000), "me", noon) // a person with our own name
	want(0x4444_0000, "me#4444")
}

func TestRosterListsByLabel(t *testing.T) {
	r := newRoster(id(1), "me")
	for n, name := range []string{"cas", "ann", "bob"} {
		r.heard(id(uint32(n+2)), name, noon)
	}
	all := r.all()
	if len(all) != 3 || all[0].Label != "ann" || all[1].Label != "bob" || all[2].Label != "cas" {
		t.Errorf("listed %v", all)
	}
}

func TestRosterForgetsTheLongestUnheard(t *testing.T) {
	r := newRoster(id(1), "me")
	for n := range uint32(maxPeople) {
		r.heard(id(n+2), "x", noon.Add(time.Duration(n)))
	}
	r.heard(id(2), "x", noon.Add(time.Hour)) // the first one speaks again
	r.heard(id(maxPeople+2), "x", noon.Add(time.Hour))
	if r.len() != maxPeople || r.people[id(2)] == nil || r.people[id(3)] != nil {
		t.Errorf("%d people, first %v, second %v", r.len(), r.people[id(2)], r.people[id(3)])
	}
}
