package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanTextDisarms(t *testing.T) {
	for text, want := range map[string]string{
		"hello, world":               "hello, world",
		"a\tb\nc\rd":                 "a b c d",
		"\x1b[2Jgone":                "␛[2Jgone",
		"\x07\x00\x7f":               "␇␀␡",
		"\u009b31mred":               "\ufffd31mred", // the one-rune form of ESC [
		"abc\u202egnp.exe":           "abc\ufffdgnp.exe",
		"\xff\xfe":                   "\ufffd\ufffd",
		"line\u2028two":              "line\ufffdtwo",
		"👩\u200d💻":                   "👩\u200d💻",
		strings.Repeat("x", maxText): strings.Repeat("x", maxText),
	} {
		if got := cleanText(text); got != want {
			t.Errorf("cleanText(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCleanTextCutsBetweenRunes(t *testing.T) {
	got := cleanText(strings.Repeat("ü", maxText))
	if len(got) > maxText || !utf8.ValidString(got) || !strings.HasSuffix(got, "ü…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-8:])
	}
}

func TestCleanName(t *testing.T) {
	for name, want := range map[string]string{
		"ann":                     "ann",
		"Ann-Marie_2.0":           "Ann-Marie_2.0",
		" ann smith ":             "ann-smith",
		"Ærøskøbing":              "Ærøskøbing",
		"王":                       "王",
		"🦊":                       "🦊",
		"":                        "nobody",
		"\x1b[31m":                "31m",
		"bob: hi\nann":            "bob-hi-ann",
		"ann#1a2b":                "ann1a2b",
		"* ann":                   "-ann",
		strings.Repeat("m", 1000): strings.Repeat("m", maxName),
	} {
		if got := cleanName(name); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCheckNameSaysWhatIsWrong(t *testing.T) {
	for name, want := range map[string]string{
		" ":                     "needs",
		"ann smith":             "how about ann-smith",
		strings.Repeat("m", 33): "at most 32",
	} {
		if _, err := checkName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("checkName(%q): %v, want it to say %q", name, err, want)
		}
	}
	if name, err := checkName(" ann "); err != nil || name != "ann" {
		t.Errorf("checkName(ann) = %q, %v", name, err)
	}
}

func TestDefaultNameIsAName(t *testing.T) {
	for _, user := range []string{"ann", "ann smith", ""} {
		t.Setenv("USER", user)
		t.Setenv("USERNAME", "")
		if name, err := checkName(defaultName()); err != nil {
			t.Errorf("USER=%q gives %q: %v", user, name, err)
		}
	}
}

// isSafe reports whether a terminal would only print the text.
func isSafe(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u202e' || r == '\u2066' || r == '\u2028'
	})
}

func FuzzClean(f *testing.F) {
	f.Add("hello")
	f.Add("\x1b]0;title\x07")
	f.Add("\u202e\u009b\xff")
	f.Fuzz(func(t *testing.T, raw string) {
		text := cleanText(raw)
		if !isSafe(text) || len(text) > maxText {
			t.Errorf("cleanText(%q) = %q", raw, text)
		}
		if again := cleanText(text); again != text {
			t.Errorf("cleaning %q again gives %q", text, again)
		}
		name := cleanName(raw)
		if !isSafe(name) || utf8.RuneCountInString(name) > maxName || name == "" || strings.ContainsAny(name, " #:*\t") {
			t.Errorf("cleanName(%q) = %q", raw, name)
		}
	})
}
