package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the command.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return out.String(), err.String(), code
}

func smokeJSON(t *testing.T, line string) (r report, code int) {
	t.Helper()
	out, err, code := command(t, append(strings.Fields(line)[1:], "--json")...)
	if e := json.Unmarshal([]byte(out), &r); e != nil {
		t.Fatalf("%s: %v: %q %q", line, e, out, err)
	}
	return r, code
}

func TestATableForPeople(t *testing.T) {
	out, err, code := command(t, "sim", "--scenario", "split", "--nodes", "40", "--for", "30s", "--rate", "5", "--runs", "3")
	if code != 0 || err != "" {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	for _, want := range []string{"over 3 runs", "median", "worst", "pass mark", "one component", "≤ 10.00 s", "events lost", "trace "} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\r") {
		t.Error("there is a progress bar, and no terminal")
	}
}

func TestJSONForPrograms(t *testing.T) {
	r, code := smokeJSON(t, "smoke sim --scenario steady --nodes 40 --for 5s --seed 7 --runs 2")
	if code != 0 || !r.Good || len(r.Runs) != 2 || r.Runs[1].Seed != 8 || len(r.Summary) == 0 || len(r.Runs[0].Samples) > 0 {
		t.Fatalf("exit %d, %+v", code, r)
	}
	if again, _ := smokeJSON(t, r.Command); again.Runs[1].Hash != r.Runs[1].Hash {
		t.Errorf("%q gives another trace", r.Command)
	}
}

// A run that fails prints a command line that repeats it.
func TestReplay(t *testing.T) {
	line := "smoke sim --scenario crash --nodes 60 --fraction 0.5 --silent --speed 1e12 --seed 3 --runs 2"
	r, code := smokeJSON(t, line)
	if code != 1 || r.Good || len(r.Replay) != 2 {
		t.Fatalf("exit %d, %+v", code, r)
	}
	for i, command := range r.Replay {
		again, code := smokeJSON(t, command)
		if code != 1 || again.Runs[0].Hash != r.Runs[i].Hash {
			t.Errorf("%q is not what failed", command)
		}
	}
	out, _, code := command(t, strings.Fields(r.Replay[0])[1:]...)
	if code != 1 || !strings.Contains(out, "MISSED") || !strings.Contains(out, "again: "+r.Replay[0]) {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestScriptFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "two halves.script")
	write(t, file, "set nodes=30\nform\nwant settled within 5s\ncut 2\nrun 12s\nheal\nwant whole within 10s\n")
	var r report
	out, err, code := command(t, "sim", "--file", file, "--json")
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil || len(r.Runs[0].Figures) != 4 {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	if !strings.Contains(r.Command, "--file '"+file+"'") {
		t.Errorf("the command is %s", r.Command)
	}
	if out, _, code := command(t, "sim", "--scenario", "flap", "--rounds", "3", "--script"); code != 0 || !strings.Contains(out, "repeat 3\n") {
		t.Errorf("exit %d: the script of flap is\n%s", code, out)
	}
}

func TestPlot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.svg")
	if out, err, code := command(t, "sim", "--scenario", "split", "--nodes", "30", "--for", "20s", "--rate", "5", "--plot", file); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	svg, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	curves, texts := 0, ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("what was drawn is no XML: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "polyline" {
				curves++
				if points := strings.Fields(e.Attr[0].Value); len(points) < 20 {
					t.Errorf("a curve has the points %s", points)
				}
			}
		case xml.CharData:
			texts += string(e) + "|"
		}
	}
	for _, label := range []string{"|events a second|", "|components|", "|copies beyond the first|"} {
		if !strings.Contains(texts, label) {
			t.Errorf("no panel has the label %s: %s", label, texts)
		}
	}
	if curves != 4 || strings.Count(texts, "|virtual time, s|") != 3 {
		t.Errorf("%d curves, texts %s", curves, texts)
	}
	if _, _, code := command(t, "sim", "--scenario", "form", "--nodes", "5", "--plot", t.TempDir()); code != 1 {
		t.Errorf("a plot into a folder ends with %d", code)
	}
}

func TestProofRunsWhatAPageLists(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write(t, page, "| H | `smoke sim --scenario form --nodes 20` |\nand `smoke sim --scenario dial --rounds 50`,\nand again `smoke sim --scenario form --nodes 20`; `smoke` alone is none.\n")
	out, err, code := command(t, "proof", page)
	if code != 0 || !strings.Contains(out, "[2 of 2]") || !strings.Contains(out, "2 of 2 passed") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	if out, _, code = command(t, "proof", page, "--only", "dial"); code != 0 || strings.Contains(out, "form") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	write(t, page, "`smoke sim --scenario form --nodes 20 --speed 1e12`\n`smoke sim --scenario form`")
	if out, _, code = command(t, "proof", page); code != 1 || !strings.Contains(out, "1 of 2 passed") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// The commands that the page lists can be parsed.
func TestProofPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	found := listed.FindAllStringSubmatch(string(text), -1)
	if len(found) < 10 {
		t.Fatalf("%d commands are listed", len(found))
	}
	for _, match := range found {
		if out, err, code := command(t, append(strings.Fields(match[1])[1:], "--script")...); code != 0 || out == "" {
			t.Errorf("%s: exit %d: %s", match[1], code, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	write(t, empty, "\n")
	for _, bad := range []struct{ line, says string }{
		{"sim", "scenario"},
		{"sim --scenario doom", "crash"},
		{"sim --scenario crash --fraction 1.5", "0 to 1"},
		{"sim --scenario crash --fraction half", "fraction"},
		{"sim --scenario form --nodes 3 --seeds 4", "seeds"},
		{"sim --scenario form --runs 0", "runs"},
		{"sim --file /nowhere/at/all", "can be read"},
		{"sim --file " + empty, "empty"},
		{"sim --file " + empty + " --scenario form", "not both"},
		{"sim --colour red", "colour"},
		{"sim form", "form"},
		{"proof", "arg"},
		{"proof /nowhere/at/all", "can be read"},
		{"proof " + empty, "backticks"},
		{"dance", "dance"},
	} {
		out, err, code := command(t, strings.Fields(bad.line)...)
		if code != 2 || !strings.Contains(err, bad.says) || out != "" {
			t.Errorf("smoke %s: exit %d, %q %q", bad.line, code, out, err)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
