package load

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// profile starts the requested profiles; finish writes them.
func (s Spec) profile() (finish func() error, err error) {
	var cpu *os.File
	if s.CPUProfile != "" {
		if cpu, err = os.Create(s.CPUProfile); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
	}
	if s.MutexProfile != "" {
		runtime.SetMutexProfileFraction(5)
	}
	return func() error {
		var failed error
		if cpu != nil {
			pprof.StopCPUProfile()
			failed = cpu.Close()
		}
		return errors.Join(failed, lookUp("mutex", s.MutexProfile), lookUp("allocs", s.MemProfile))
	}, nil
}

func lookUp(name, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}
