package room

import (
	"cmp"
	"sort"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// maxPeople bounds the roster. If a node floods the chat with names, the people who were
// not heard for longest are removed first.
const maxPeople = 10_000

// Person is a node that was heard in the chat.
type Person struct {
	ID    smoke.ID
	Name  string
	Label string    // the name that is shown; set by All and in OnGone
	Heard time.Time // the last time
}

// roster has the people who were heard. It is guarded by the lock of People.
type roster struct {
	selfID smoke.ID
	self   string // name of this node's person
	people map[smoke.ID]*Person
}

func newRoster(id smoke.ID, name string) *roster {
	return &roster{selfID: id, self: name, people: make(map[smoke.ID]*Person)}
}

// Change says what has changed about a person who was heard.
type Change int

// The changes that Heard returns.
const (
	Known Change = iota
	New
	Renamed
)

// heard records that a person was heard under a name.
func (r *roster) heard(id smoke.ID, name string, now time.Time) Change {
	p := r.people[id]
	if p == nil {
		if len(r.people) >= maxPeople {
			r.forgetOne()
		}
		r.people[id] = &Person{ID: id, Name: name, Heard: now}
		return New
	}
	before := p.Name
	p.Name, p.Heard = name, now
	if before != name {
		return Renamed
	}
	return Known
}

func (r *roster) forgetOne() {
	var oldest *Person
	for _, p := range r.people {
		if oldest == nil || p.Heard.Before(oldest.Heard) {
			oldest = p
		}
	}
	delete(r.people, oldest.ID)
}

// remove removes a person, and reports whether the person was known.
func (r *roster) remove(id smoke.ID) bool {
	_, known := r.people[id]
	delete(r.people, id)
	return known
}

func (r *roster) len() int { return len(r.people) }

// label implements People.Label.
func (r *roster) label(id smoke.ID) string {
	tag := "#" + id.Short()[:4]
	p := r.people[id]
	if p == nil {
		return tag
	}
	if p.Name == r.self {
		return p.Name + tag
	}
	for _, other := range r.people {
		if other != p && other.Name == p.Name {
			return p.Name + tag
		}
	}
	return p.Name
}

// all returns the people, sorted by label.
func (r *roster) all() []Person {
	list := make([]Person, 0, len(r.people))
	for _, p := range r.people {
		listed := *p
		listed.Label = r.label(p.ID)
		list = append(list, listed)
	}
	sort.Slice(list, func(i, j int) bool {
		return cmp.Or(cmp.Compare(list[i].Label, list[j].Label), list[i].ID.Compare(list[j].ID)) < 0
	})
	return list
}
