package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// line is one thing to show: as text for a person, as fields for a program. Neither
// contains a control character, because names and texts are cleaned on arrival.
type line struct {
	kind   string   // the first field, for a program
	fields []string // those after it
	words  string   // for a person, after who
	who    string   // the speaker, in colour; may be empty
	whoID  smoke.ID // determines the colour of who
	style  style
}

// style is how text looks on a terminal with colours.
type style int

const (
	plain style = iota
	dim         // about the chat
	loud        // an error
)

// String returns the line for a program: fields separated by tabs, the kind first.
func (l line) String() string {
	return strings.Join(append([]string{l.kind}, l.fields...), "\t")
}

func self(id smoke.ID, name, addr string) line {
	return line{kind: "self", fields: []string{id.Short(), name, addr}, words: "you are " + name + " at " + addr + "; /help shows the commands", style: dim}
}

// withPage adds the address of the network page to the first line.
func withPage(l line, url string) line {
	l.fields = append(l.fields, url)
	l.words = strings.Replace(l.words, "; /help shows the commands", "; page: "+url+"; /help", 1)
	return l
}

func says(id smoke.ID, label, text string) line {
	return line{kind: "say", fields: []string{id.Short(), label, text}, who: label, whoID: id, words: ": " + text}
}

func came(verb string, id smoke.ID, label string) line {
	words := " is here"
	if verb == "join" {
		words = " joined"
	}
	return line{kind: verb, fields: []string{id.Short(), label}, who: label, whoID: id, words: words, style: dim}
}

func went(id smoke.ID, label string) line {
	return line{kind: "leave", fields: []string{id.Short(), label}, who: label, whoID: id, words: " left", style: dim}
}

// vanished returns the line about a chat that ended without a goodbye. A program gets the
// same fields as for an orderly leave.
func vanished(id smoke.ID, label string) line {
	l := went(id, label)
	l.words = " is gone: its node does not answer"
	return l
}

func renamed(id smoke.ID, before, label string) line {
	return line{kind: "name", fields: []string{id.Short(), label, before}, who: before, whoID: id, words: " is now called " + label, style: dim}
}

func linked(id smoke.ID, addr, label string) line {
	addr = cleanText(addr) // sent by the peer
	return line{kind: "peer", fields: []string{id.Short(), addr, label}, who: label, whoID: id, words: "  " + addr, style: dim}
}

func known(p room.Person, now time.Time) line {
	ago := now.Sub(p.Heard).Round(time.Second)
	words := fmt.Sprintf("  heard %v ago", ago)
	if ago <= 0 {
		words = "  heard just now"
	}
	seconds := strconv.Itoa(int(ago / time.Second))
	return line{kind: "node", fields: []string{p.ID.Short(), p.Label, seconds}, who: p.Label, whoID: p.ID, words: words, style: dim}
}

func counted(nodes int) line {
	n := strconv.Itoa(nodes)
	return line{kind: "count", fields: []string{n}, words: "nodes in the network: " + n, style: dim}
}

// note returns a line about the chat itself.
func note(about, words string) line {
	words = cleanText(words) // an error may contain text from peers
	style := dim
	switch about {
	case "error", "seed-lost", "split", "gap", "log", "misfit":
		style = loud
	}
	return line{kind: "note", fields: []string{about, words}, words: words, style: style}
}
