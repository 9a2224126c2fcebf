package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Namespaces are called smokelab.<pid>.<start>.<lab>.<side>. The start time distinguishes a
// process from a later one with the same number.
const family = "smokelab."

// ownPrefix returns the prefix of this process's namespaces.
func ownPrefix() string {
	pid := os.Getpid()
	return fmt.Sprintf("%s%d.%s.", family, pid, startTime(pid))
}

// startTime returns when a process started, in the kernel's ticks since boot, or "" if
// there is no such process.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The program's name is in brackets and may contain blanks and brackets. Fields 3 and
	// later follow; the start time is field 22.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// sweep removes the labs of ended processes.
func sweep() error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	var problems []error
	for _, name := range names {
		if isOrphan(name) {
			problems = append(problems, remove(name))
		}
	}
	return errors.Join(problems...)
}

// isOrphan reports whether a namespace belongs to a lab whose process has ended.
func isOrphan(name string) bool {
	fields := strings.Split(name, ".")
	if !strings.HasPrefix(name, family) || len(fields) != 5 {
		return false
	}
	pid, err := strconv.Atoi(fields[1])
	return err == nil && startTime(pid) != fields[2]
}

// remove kills the processes in the namespaces that begin with prefix, and removes the
// namespaces with their cables.
func remove(prefix string) error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	var problems []error
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := killAll(name); err != nil {
			problems = append(problems, err)
		}
		// Another process may sweep at the same time, so only a remaining namespace is an
		// error.
		if err := ip("netns", "delete", name); err != nil && exists(name) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// killAll kills the processes in a namespace, all of which a lab has started.
func killAll(name string) error {
	text, err := output(exec.Command("ip", "netns", "pids", name))
	if err != nil {
		if !exists(name) {
			return nil
		}
		return err
	}
	var problems []error
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			problems = append(problems, fmt.Errorf("ip names process %q in %s: %w", field, name, err))
			continue
		}
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Kill()
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			problems = append(problems, fmt.Errorf("kill process %d in %s: %w", pid, name, err))
		}
	}
	return errors.Join(problems...)
}

func exists(name string) bool {
	names, err := namespaces()
	return err != nil || slices.Contains(names, name)
}

// namespaces lists the named namespaces of this machine.
func namespaces() ([]string, error) {
	text, err := output(exec.Command("ip", "netns", "list"))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}
