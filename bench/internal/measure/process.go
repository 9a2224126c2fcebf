// Package measure reads the figures that Linux keeps of each process: processor time,
// memory, and written bytes.
//
// The number of bytes is wchar of /proc/PID/io. It counts every write(2) and writev(2), so it
// works alike for all systems and for a server in another process. Connections need not be
// wrapped, which would change the measurement. TCP/IP headers, retransmissions and
// acknowledgements are not included. There are two inaccuracies. Packets (sendto) are not
// included, so an adapter that sends packets counts them itself. And the Go runtime writes 8
// bytes to wake its poller, which the row of the idle tree shows.
package measure

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sample is the state of some processes at one moment.
type Sample struct {
	At      time.Time
	CPU     time.Duration // user and system time, since the start of the processes
	Written uint64        // bytes, since the start of the processes
	Busy    time.Duration // of all processors, by all programs, since the machine started
}

// Take reads the sample of this process and others together.
func Take(others []int) (Sample, error) {
	s := Sample{At: time.Now()}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return s, fmt.Errorf("getrusage: %w", err)
	}
	s.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	written, err := writtenBy("self")
	if err != nil {
		return s, err
	}
	s.Written = written
	if s.Busy, err = busy(); err != nil {
		return s, err
	}
	for _, pid := range others {
		process := strconv.Itoa(pid)
		cpu, err := ticks(process)
		if err != nil {
			return s, err
		}
		written, err := writtenBy(process)
		if err != nil {
			return s, err
		}
		s.CPU += cpu
		s.Written += written
	}
	return s, nil
}

// writtenBy returns how many bytes a process has written.
func writtenBy(process string) (uint64, error) {
	return field("/proc/"+process+"/io", "wchar:")
}

// tick is the unit of processor times in /proc.
const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux

// busy returns how long the processors were not idle. Time that a hypervisor gave to other
// machines is included, because this machine could not use it.
func busy() (time.Duration, error) {
	const path = "/proc/stat"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	// user, nice, system, idle, iowait, irq, softirq, steal; then guests, which
	// are in user already.
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("%s begins with %q", path, line)
	}
	var sum uint64
	for i, f := range fields[1:9] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if i != 3 && i != 4 {
			sum += n
		}
	}
	return time.Duration(sum) * tick, nil
}

// ticks returns the processor time of another process, to 10 ms.
func ticks(process string) (time.Duration, error) {
	path := "/proc/" + process + "/stat"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may hold any bytes. Numbers follow.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %q has too few fields", path, text)
	}
	var sum uint64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// PeakRSS returns the sum of the peak memory of this process and of others, in bytes. Their peaks
// may be at different times.
func PeakRSS(others []int) (uint64, error) { return memory("VmHWM:", others) }

// RSS returns the memory that this process and others use now, in bytes.
func RSS(others []int) (uint64, error) { return memory("VmRSS:", others) }

func memory(key string, others []int) (sum uint64, err error) {
	processes := []string{"self"}
	for _, pid := range others {
		processes = append(processes, strconv.Itoa(pid))
	}
	for _, process := range processes {
		kb, err := field("/proc/"+process+"/status", key)
		if err != nil {
			return 0, err
		}
		sum += kb << 10
	}
	return sum, nil
}

// Goroutines returns the number of goroutines.
func Goroutines() int { return runtime.NumGoroutine() }

// Mallocs returns how many objects this process has allocated since its start. It stops all
// goroutines for some microseconds.
func Mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// field returns the number in a file's line that begins with key.
func field(path, key string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", path, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
