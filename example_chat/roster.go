package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// maxPeople bounds the roster. If a peer floods the chat with names, the people who were
// silent longest are removed first.
const maxPeople = 10_000

// person is a person who was heard.
type person struct {
	id    smoke.ID
	name  string // clean
	label string // the displayed name; set by all
	heard time.Time
}

// roster holds the people who were heard. It is not safe for concurrent use: chat's lock
// guards it.
type roster struct {
	selfID smoke.ID
	self   string // the user's own name
	people map[smoke.ID]*person
}

func newRoster(id smoke.ID, name string) *roster {
	return &roster{selfID: id, self: name, people: make(map[smoke.ID]*person)}
}

// change is what is new about a person.
type change int

const (
	isKnown change = iota
	isNew
	isRenamed
)

// heard records that a person was heard under a name.
func (r *roster) heard(id smoke.ID, name string, now time.Time) change {
	p := r.people[id]
	if p == nil {
		if len(r.people) >= maxPeople {
			r.forgetOne()
		}
		r.people[id] = &person{id: id, name: name, heard: now}
		return isNew
	}
	before := p.name
	p.name, p.heard = name, now
	if before != name {
		return isRenamed
	}
	return isKnown
}

func (r *roster) forgetOne() {
	var oldest *person
	for _, p := range r.people {
		if oldest == nil || p.heard.Before(oldest.heard) {
			oldest = p
		}
	}
	delete(r.people, oldest.id)
}

// remove removes a person, and reports whether it was listed.
func (r *roster) remove(id smoke.ID) bool {
	_, known := r.people[id]
	delete(r.people, id)
	return known
}

func (r *roster) len() int { return len(r.people) }

// label returns the displayed name of a person. If two people have the same name, it
// includes the start of the id. For an unknown person it is only that.
func (r *roster) label(id smoke.ID) string {
	tag := "#" + id.Short()[:4]
	p := r.people[id]
	if p == nil {
		return tag
	}
	if p.name == r.self {
		return p.name + tag
	}
	for _, other := range r.people {
		if other != p && other.name == p.name {
			return p.name + tag
		}
	}
	return p.name
}

// all returns all people, sorted by label.
func (r *roster) all() []person {
	everybody := make([]person, 0, len(r.people))
	for _, p := range r.people {
		listed := *p
		listed.label = r.label(p.id)
		everybody = append(everybody, listed)
	}
	slices.SortFunc(everybody, func(a, b person) int {
		return cmp.Or(cmp.Compare(a.label, b.label), a.id.Compare(b.id))
	})
	return everybody
}
