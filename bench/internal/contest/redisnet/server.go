package redisnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// redisServer is a Redis process of this adapter: default configuration, nothing on disk.
type redisServer struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // read after the process has ended
	addr string
	dir  string
}

func startServer(ctx context.Context) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, &contest.Missing{Why: "there is no redis-server on PATH (Debian: apt-get install redis-server)"}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-redis")
	if err != nil {
		return nil, err
	}
	s := &redisServer{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir}
	s.cmd = exec.Command(program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // ends with this process, even if that is killed
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start redis-server: %w", err), os.RemoveAll(dir))
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
			return s, nil
		}
		select {
		case <-ctx.Done():
			err = errors.Join(err, s.stop())
			return nil, fmt.Errorf("wait for redis-server: %w\n%s", err, s.out.Bytes())
		case <-look.C:
		}
	}
}

// stop ends the process and waits for it.
func (s *redisServer) stop() error {
	killed := s.cmd.Process.Kill()
	s.cmd.Wait() // returns an error, because the process was killed
	return errors.Join(killed, os.RemoveAll(s.dir))
}

// freePort returns a port that was free a moment ago. redis-server can't choose one itself.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
