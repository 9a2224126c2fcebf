package measure

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func take(t *testing.T, others ...int) Sample {
	t.Helper()
	s, err := Take(others)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWrittenBytesAreCounted(t *testing.T) {
	before := take(t)
	if err := os.WriteFile(filepath.Join(t.TempDir(), "x"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	after := take(t)
	// The runtime may also write a few bytes.
	if got := after.Written - before.Written; got < 100_000 || got > 101_000 {
		t.Errorf("%d bytes, want 100000", got)
	}
}

func TestProcessorTimeIsCounted(t *testing.T) {
	before := take(t)
	after := before
	for after.CPU-before.CPU < 20*time.Millisecond {
		after = take(t)
	}
	if after.At.Sub(before.At) <= 0 {
		t.Error("no time has passed")
	}
	if after.Busy <= before.Busy {
		t.Errorf("the machine was busy for %v, then for %v", before.Busy, after.Busy)
	}
}

// TestMain is also a second process, which waits for the end of its input.
func TestMain(m *testing.M) {
	if os.Getenv(beAnother) != "" {
		io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

const beAnother = "BENCH_MEASURE_BE_ANOTHER_PROCESS"

func TestAnotherProcessCounts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), beAnother+"=1")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		input.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	take(t, cmd.Process.Pid)
	alone, err := RSS(nil)
	if err != nil {
		t.Fatal(err)
	}
	peak, err := PeakRSS([]int{cmd.Process.Pid})
	if err != nil || alone == 0 || peak == 0 {
		t.Errorf("%d, %d, %v", alone, peak, err)
	}
}

func TestAProcessThatIsNotThere(t *testing.T) {
	if _, err := Take([]int{1 << 30}); err == nil {
		t.Error("no error")
	}
	if _, err := RSS([]int{1 << 30}); err == nil {
		t.Error("no error")
	}
}
