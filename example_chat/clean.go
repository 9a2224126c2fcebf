package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName = 32      // runes
	maxText = 4 << 10 // bytes
)

// cleanText makes what somebody else sent fit to be printed: one line, at most
// maxText bytes, and nothing in it that a terminal would obey.
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

// harmless gives a visible sign in the place of a control character. Joiners
// pass, since scripts and emoji need them; the other invisible characters,
// which can turn the direction of a line, do not.
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

// cleanName makes a name that somebody else gave fit to be printed. A name has
// letters, digits, marks, symbols such as emoji, and "-", "_" and "."; blanks
// become "-" and the rest goes, so that no name can look like a line of the
// chat or like the "#1a2b" that tells two people of one name apart.
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

// checkName takes the user's own name as it is, or says what is wrong with it.
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

// defaultName is the user's name on this machine, or a made-up one.
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
