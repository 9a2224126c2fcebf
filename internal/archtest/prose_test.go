package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A marker is a phrase that a reader has to decode. The budgets are hits per 1,000
// words: of the comments of a package (and, separately, of its tests), and of a
// document.
const (
	codeBudget     = 0.5
	documentBudget = 1.0
)

// sentenceStart matches where a sentence, a clause after ":" or ";", or a Markdown
// item begins.
const sentenceStart = `(?:^|\n\n|[.:;?!]\s|\n[-*>|#]+\s|\|\s)\s*`

// markers are the phrases, each as a regular expression. A space in one matches any
// white space, so a phrase that is broken over two lines is found as well.
var markers = []string{
	// Idioms that hide the actor or the action.
	`\bin vain\b`,
	`\blet(?:s|ting)? (?:it |him |them |her |an? \w+ |the \w+ |others? )?go\b`,
	`\btold\b`,
	`\bbef[ae]ll\w*`,
	`\b(?:of )?one's own\b`,
	`\bspeaks? for\b`,
	`\bcom(?:es?|ing) (?:of|about|to nothing)\b`,
	`\bcame (?:of|about|to nothing)\b`,
	`\bfor good\b`,
	`\ball the same\b`,
	`\bheld against\b`,
	`\bcan't be had\b`,
	`\bnone such\b`,
	`\bsuch a one\b`,
	`\bgoes on\b`,
	`\bbeside\b`,
	`\bso (?:many|much) (?:bytes|events|words)\b`,

	// Subjects without a name.
	`\bwho(?:m|se)?ever\b`,
	`\b(?:some|no|every|any)body\b`,
	sentenceStart + `who (?:is|has|does|was|had|wants|needs|asks|comes|lies|loses|knows|can|may|must|gets|brings|takes|sends|emits|dials)\b`,
	`\bis what (?:it|one|others|the)\b`,

	// "Gives" where a function returns, or an interface is implemented.
	`\bgives the (?:sentence|reason|word)\b`,
	`^\w+ gives\b`,
}

var markerPattern = regexp.MustCompile(`(?i)` + strings.ReplaceAll(strings.Join(markers, "|"), " ", `\s+`))

// proseGroup is a text with one budget: the comments of a package, or a document.
type proseGroup struct {
	words int
	hits  []string // "file:line: phrase", in the order of the files
}

// add counts the words and the markers of a text that begins on the given line.
func (g *proseGroup) add(file string, line int, text string) {
	g.words += len(strings.Fields(text))
	for _, at := range markerPattern.FindAllStringIndex(text, -1) {
		phrase := text[at[0]:at[1]]
		trimmed := strings.TrimLeft(phrase, ".:;?!|>*-# \t\n")
		start := at[1] - len(trimmed)
		g.hits = append(g.hits, fmt.Sprintf("%s:%d: %q",
			file, line+strings.Count(text[:start], "\n"), strings.Join(strings.Fields(trimmed), " ")))
	}
}

// isWithin reports whether the group has at most budget hits per 1,000 words.
func (g *proseGroup) isWithin(budget float64) bool {
	return float64(len(g.hits))*1000 <= budget*float64(g.words)
}

func TestProse(t *testing.T) {
	groups, err := readProse(root(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) < 50 {
		t.Fatalf("%d packages and documents found: the walk does not find the tree any more", len(groups))
	}
	for _, fault := range checkProse(groups) {
		t.Error(fault)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		t.Logf("%5d hits %6.2f per 1,000 of %6d words  %s", len(g.hits), 1000*float64(len(g.hits))/float64(max(1, g.words)), g.words, name)
	}
}

// checkProse returns a message for each group that is over its budget.
func checkProse(groups map[string]*proseGroup) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g, budget := groups[name], codeBudget
		if strings.HasSuffix(name, ".md") {
			budget = documentBudget
		}
		if !g.isWithin(budget) {
			faults = append(faults, fmt.Sprintf("%s: %d phrases that a reader must decode in %d words, more than %g per 1,000:\n%s",
				name, len(g.hits), g.words, budget, strings.Join(g.hits, "\n")))
		}
	}
	return faults
}

// readProse reads the comments and documents below a folder, without testdata and
// hidden folders.
func readProse(top string) (map[string]*proseGroup, error) {
	groups := make(map[string]*proseGroup)
	err := filepath.WalkDir(top, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); full != top && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(top, full)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		group := path.Dir(name)
		switch {
		case strings.HasSuffix(name, ".md"):
			group = name
		case strings.HasSuffix(name, "_test.go"):
			group += " tests"
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		if groups[group] == nil {
			groups[group] = new(proseGroup)
		}
		if strings.HasSuffix(name, ".md") {
			groups[group].add(name, 1, withoutFences(string(text)))
			return nil
		}
		return addComments(groups[group], name, text)
	})
	return groups, err
}

// addComments adds each comment of a Go file. It leaves the file out that defines the
// markers.
func addComments(g *proseGroup, name string, text []byte) error {
	if name == "internal/archtest/prose_test.go" {
		return nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, comments := range file.Comments {
		g.add(name, files.Position(comments.Pos()).Line, commentText(comments))
	}
	return nil
}

// commentText returns a comment without its slashes and stars, line by line.
func commentText(comments *ast.CommentGroup) string {
	var lines []string
	for _, c := range comments.List {
		text := strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "//"))
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// withoutFences empties the lines of code blocks and keeps their number.
func withoutFences(text string) string {
	lines, inside := strings.Split(text, "\n"), false
	for i, line := range lines {
		isFence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if isFence {
			inside = !inside
		}
		if isFence || inside {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// TestProseCanFail gives the check texts with and without markers.
func TestProseCanFail(t *testing.T) {
	padding := strings.Repeat("The node sends the event to each peer. ", 100) // 800 words
	for _, test := range []struct{ name, text, want string }{
		{"plain.go", "package a\n\n// Send writes one frame. It blocks until the peer reads.\n", ""},
		{"idiom.go", "package a\n\n// Send waits in vain.\n", `idiom.go:3: "in vain"`},
		{"broken.go", "package a\n\n// Send waits, and that is in\n// vain.\n", `broken.go:3: "in vain"`},
		{"second.go", "package a\n\n// Send writes.\n// Nobody reads.\n", `second.go:4: "Nobody"`},
		{"trailing.go", "package a\n\nvar a = 1 // whoever asks\n", `trailing.go:3: "whoever"`},
		{"block.go", "package a\n\n/*\nSend writes.\nWhat it was told.\n*/\n", `block.go:5: "told"`},
		{"string.go", "package a\n\nvar a = \"nobody told us in vain\"\n", ""},
		{"subject.go", "package a\n\n// Send writes. Who asks waits.\n", `subject.go:3: "Who asks"`},
		{"relative.go", "package a\n\n// Send writes to the peer who asks.\n", ""},
		{"gives.go", "package a\n\n// Root gives the folder.\n", `gives.go:3: "Root gives"`},
		{"page.md", "# Page\n\nThe node goes on.\n", `page.md:3: "goes on"`},
		{"item.md", "# Page\n\n- Who sends too much waits.\n", `item.md:3: "Who sends"`},
		{"fence.md", "# Page\n\n```\nnobody\n```\n", ""},
		{"after.md", "# Page\n\n```\nnobody\n```\n\nNobody reads.\n", `after.md:7: "Nobody"`},
		{"long.go", "package a\n\n// " + padding + "\n// Nobody reads.\n", `long.go:4: "Nobody"`},   // 1.2 per 1,000
		{"longer.go", "package a\n\n// " + strings.Repeat(padding, 3) + "\n// Nobody reads.\n", ""}, // 0.4 per 1,000
		{"long.md", padding + padding + "\n\nNobody reads.\n", ""},                                  // 0.6 per 1,000
		{"hidden_test.go", "package a\n\n// TestA sends for good.\n", `hidden_test.go:3: "for good"`},
		{"testdata/a.go", "package a\n\n// Nobody.\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			top := t.TempDir()
			full := filepath.Join(top, filepath.FromSlash(test.name))
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			groups, err := readProse(top)
			if err != nil {
				t.Fatal(err)
			}
			faults := checkProse(groups)
			switch {
			case test.want == "" && len(faults) > 0:
				t.Errorf("got %q, want none", faults)
			case test.want != "" && (len(faults) != 1 || !strings.HasSuffix(faults[0], ":\n"+test.want)):
				t.Errorf("got %q, want one that ends in %s", faults, test.want)
			}
		})
	}
}
