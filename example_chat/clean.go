package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
)

const (
	maxName = room.MaxName
	maxText = 4 << 10 // bytes
)

// cleanText makes a text from another person safe to print: one line, at most maxText
// bytes, without characters that a terminal would interpret.
func cleanText(text string) string {
	return shorten(strings.Map(harmless, text))
}

// shorten cuts text to maxText bytes, between two runes.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// harmless replaces a control character by a visible sign. It keeps joiners, because
// scripts and emoji need them. It replaces other invisible characters, which can change the
// direction of a line.
func harmless(r rune) rune {
	const joiner, nonJoiner = '\u200d', '\u200c'
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case r < ' ':
		return '␀' + r
	case r == 0x7f:
		return '␡'
	case r == joiner || r == nonJoiner:
		return r
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
		return unicode.ReplacementChar
	}
	return r
}

// cleanName makes a name from another person safe to print. A name has letters, digits,
// marks, symbols such as emoji, and "-", "_" and ".". Blanks become "-" and other
// characters are removed. So a name can't look like a line of the chat, or like the "#1a2b"
// that distinguishes two people with one name.
func cleanName(name string) string {
	var clean strings.Builder
	runes := 0
	for _, r := range strings.TrimSpace(name) {
		switch {
		case runes == maxName:
			return clean.String()
		case unicode.IsSpace(r):
			r = '-'
		case r == unicode.ReplacementChar:
			continue
		case !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.So, unicode.Sk) && !strings.ContainsRune("-_.", r):
			continue
		}
		clean.WriteRune(r)
		runes++
	}
	if clean.Len() == 0 {
		return "nobody"
	}
	return clean.String()
}

// checkName returns the user's own name unchanged, or an error.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch clean := cleanName(name); {
	case name == "":
		return "", errors.New("a name needs at least one letter")
	case utf8.RuneCountInString(name) > maxName:
		return "", fmt.Errorf("a name has at most %d characters", maxName)
	case clean != name:
		return "", fmt.Errorf("a name has letters, digits and -_. only; how about %s?", clean)
	}
	return name, nil
}

// defaultName returns the user's name on this machine, or an invented one.
func defaultName() string {
	for _, variable := range []string{"USER", "USERNAME"} {
		if name := os.Getenv(variable); name != "" {
			return cleanName(name)
		}
	}
	moods := []string{"brisk", "calm", "eager", "fond", "keen", "merry", "quiet", "wry"}
	birds := []string{"crane", "finch", "heron", "lark", "owl", "robin", "swift", "wren"}
	return moods[rand.N(len(moods))] + "-" + birds[rand.N(len(birds))]
}
