package report

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// Report is the result of one run of the command.
type Report struct {
	Machine  string     `json:"machine"`
	Sections []*Section `json:"sections"`
}

// Section is one table.
type Section struct {
	ID       string         `json:"id"` // the name in its marks on the page
	Workload string         `json:"workload"`
	Grid     bool           `json:"grid"` // several cells
	Title    string         `json:"title"`
	Command  string         `json:"command"`
	Rows     []Row          `json:"rows"`
	Results  []*load.Result `json:"results"`
}

// ThisMachine describes the machine and its software in one line.
func ThisMachine() (string, error) {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	model := "unknown processor"
	for line := range strings.Lines(string(cpu)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var uname syscall.Utsname
	if err := syscall.Uname(&uname); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	var release []byte
	for _, c := range uname.Release {
		release = append(release, byte(c))
	}
	release, _, _ = bytes.Cut(release, []byte{0})
	return fmt.Sprintf("%d cores of %s, Linux %s, %s, %s",
		runtime.NumCPU(), model, release, runtime.Version(), time.Now().UTC().Format(time.DateOnly)), nil
}
