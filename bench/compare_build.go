package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildBoth builds the harness twice into dir: with the library as it was at a commit,
// and with that of this tree. If this tree's harness does not fit the old library, it
// builds the old commit's own harness and says so.
func buildBoth(ctx context.Context, dir, commit string, stderr io.Writer) (old, current string, err error) {
	bench, err := outputOf(ctx, ".", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", "", err
	}
	old, current = filepath.Join(dir, "old"), filepath.Join(dir, "new")
	if _, err := outputOf(ctx, bench, "go", "build", "-buildvcs=false", "-o", current, "."); err != nil {
		return "", "", err
	}
	tree := filepath.Join(dir, "tree")
	if err := extract(ctx, bench, commit, tree); err != nil {
		return "", "", err
	}
	// A go.mod that differs in one line: the location of the library.
	mod := filepath.Join(dir, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(bench, name))
		if err != nil {
			return "", "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return "", "", err
		}
	}
	if _, err := outputOf(ctx, bench, "go", "mod", "edit", "-replace", library+"="+tree, mod); err != nil {
		return "", "", err
	}
	_, err = outputOf(ctx, bench, "go", "build", "-buildvcs=false", "-mod=mod", "-modfile", mod, "-o", old, ".")
	if err == nil {
		return old, current, nil
	}
	fmt.Fprintf(stderr, "!! this harness does not build with the library of %s, so the old one is measured by its own harness:\n%v\n", commit, err)
	_, err = outputOf(ctx, filepath.Join(tree, "bench"), "go", "build", "-buildvcs=false", "-o", old, ".")
	return old, current, err
}

const library = "github.com/smokesignal-go/smokesignal"

// extract writes the files of a commit into a new folder. It changes nothing in the
// repository.
func extract(ctx context.Context, repo, commit, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	top, err := outputOf(ctx, repo, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	archive := exec.CommandContext(ctx, "git", "-C", top, "archive", "--format=tar", commit)
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", dir)
	var said bytes.Buffer
	archive.Stderr, unpack.Stderr = &said, &said
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		return err
	}
	if err := archive.Start(); err != nil {
		return err
	}
	unpackErr := unpack.Run()
	if err := archive.Wait(); err != nil {
		return fmt.Errorf("git archive %s: %w: %s", commit, err, &said)
	}
	if unpackErr != nil {
		return fmt.Errorf("tar: %w: %s", unpackErr, &said)
	}
	return nil
}

// outputOf runs a command in a folder and returns what it printed, without the space
// around it.
func outputOf(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &errs)
	}
	return strings.TrimSpace(out.String()), nil
}
