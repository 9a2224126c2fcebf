package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakFree{m}, map[string]func(){"smoke": main})
}

// leakFree runs the tests and then checks that they have left no goroutines.
type leakFree struct{ *testing.M }

func (m leakFree) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Scripts have these commands in addition to those of testscript:
//
//	exits CODE program [arg...]      runs it; it must end with that code
//	start NAME [VAR=VALUE...] program [arg...]
//	                                 runs it in the background, with an input that stays open
//	await NAME pattern [VAR...]      reads its lines, of both outputs mixed, until one matches;
//	                                 groups of the pattern go into variables
//	say NAME text                    writes a line into its input
//	interrupt NAME                   interrupts it; it must end with 0
//	crash NAME                       kill -9
//	get CODE url [host]              fetches a page, with that host name; the page becomes stdout
//	end NAME [CODE]                  closes its input and waits; it must end with that code, or 0
func TestScripts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("!! NOT TESTED on Windows, only on Unix: there is no interrupt that a test could send")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would wait a second at each exit
			// Nodes of this machine and nodes of a script must not meet.
			env.Setenv("SMOKE_NETWORK", fmt.Sprint("script ", os.Getpid()))
			env.Values["vars"], env.Values["processes"] = env.Vars, make(map[string]*process)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) { exits(ts, args) },
			"start": func(ts *testscript.TestScript, _ bool, args []string) { start(ts, args) },
			"await": func(ts *testscript.TestScript, _ bool, args []string) { running(ts, args).await(ts, args[1:]) },
			"say": func(ts *testscript.TestScript, _ bool, args []string) {
				_, err := fmt.Fprintln(running(ts, args).in, args[1])
				ts.Check(err)
			},
			"interrupt": func(ts *testscript.TestScript, _ bool, args []string) {
				p := running(ts, args)
				ts.Check(p.cmd.Process.Signal(os.Interrupt))
				p.end(ts, "0")
			},
			"get": func(ts *testscript.TestScript, _ bool, args []string) { fetch(ts, args) },
			"crash": func(ts *testscript.TestScript, _ bool, args []string) {
				p := running(ts, args)
				ts.Check(p.cmd.Process.Kill())
				for range p.lines {
				}
				p.cmd.Wait() // returns an error, because the process was killed
			},
			"end": func(ts *testscript.TestScript, _ bool, args []string) {
				p := running(ts, args)
				p.in.Close()
				p.end(ts, append(args, "0")[1])
			},
		},
		RequireExplicitExec: true,
	})
}

func exits(ts *testscript.TestScript, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	checkExit(ts, err, args[0])
}

func checkExit(ts *testscript.TestScript, err error, want string) {
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("it ended with %d, and %s is right", code, want)
	}
}

// fetch asks a server for a page.
func fetch(ts *testscript.TestScript, args []string) {
	r, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if len(args) > 2 {
		r.Host = args[2]
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
	if strconv.Itoa(answer.StatusCode) != args[0] {
		ts.Fatalf("%s: %s, and %s is right", args[1], answer.Status, args[0])
	}
}

// process is a program that runs in the background of a script.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // closed when both outputs have ended
}

func start(ts *testscript.TestScript, args []string) {
	vars, _ := ts.Value("vars").([]string)
	vars = slices.Clone(vars)
	call := args[1:]
	for ; strings.Contains(call[0], "="); call = call[1:] {
		vars = append(vars, call[0])
	}
	path, err := exec.LookPath(call[0])
	ts.Check(err)
	cmd := exec.Command(path, call[1:]...)
	cmd.Env = vars
	cmd.Dir = ts.MkAbs(".")
	in, err := cmd.StdinPipe()
	ts.Check(err)
	out, w, err := os.Pipe()
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = w, w
	ts.Check(cmd.Start())
	w.Close()
	p := &process{cmd: cmd, in: in, lines: make(chan string, 1000)} // more lines than a script makes it print
	// The goroutine belongs to the script. When the script ends, it kills the process, which
	// ends the goroutine.
	go func() {
		defer close(p.lines)
		defer out.Close()
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	ts.Value("processes").(map[string]*process)[args[0]] = p
	ts.Defer(func() {
		cmd.Process.Kill()
		for range p.lines {
		}
		cmd.Wait()
	})
}

// running returns the process that a script has started under a name.
func running(ts *testscript.TestScript, args []string) *process {
	p := ts.Value("processes").(map[string]*process)[args[0]]
	if p == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	return p
}

// patience limits how long a script waits for a line. After that the script fails and
// prints the pattern.
const patience = 30 * time.Second

func (p *process) await(ts *testscript.TestScript, args []string) {
	pattern := regexp.MustCompile(args[0])
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				ts.Fatalf("it ended, and no line was like %s", pattern)
			}
			ts.Logf("[line] %s", line)
			if found := pattern.FindStringSubmatch(line); found != nil {
				for i, name := range args[1:] {
					ts.Setenv(name, found[i+1])
				}
				return
			}
		case <-limit.C:
			ts.Fatalf("no line was like %s within %v", pattern, patience)
		}
	}
}

func (p *process) end(ts *testscript.TestScript, code string) {
	for line := range p.lines {
		ts.Logf("[line] %s", line)
	}
	checkExit(ts, p.cmd.Wait(), code)
}
