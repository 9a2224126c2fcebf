package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// manager is the service manager that started this process and expects reports, such as
// systemd: sd_notify(3), sd_watchdog_enabled(3). A nil manager means that there is none.
type manager struct {
	conn  net.Conn
	every time.Duration // between two watchdog messages; 0: none
}

// openManager finds the manager in the environment.
func openManager() (*manager, error) {
	path := os.Getenv("NOTIFY_SOCKET") // "@name" means an abstract socket, also in package net
	if path == "" {
		return nil, nil
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return nil, fmt.Errorf("reach the service manager at NOTIFY_SOCKET: %w", err)
	}
	m := &manager{conn: conn}
	pid := os.Getenv("WATCHDOG_PID")
	if us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.every = time.Duration(us) * time.Microsecond / 2 // half of the timeout, as the manual page recommends
	}
	return m, nil
}

// say sends one message. If that fails, the manager notices by itself.
func (m *manager) say(state string) {
	if m != nil {
		m.conn.SetWriteDeadline(time.Now().Add(time.Second))
		m.conn.Write([]byte(state))
	}
}

// feed sends watchdog messages, each after a call of alive has returned, until ctx ends. The
// channel is closed after the last one.
func (m *manager) feed(ctx context.Context, alive func()) (done <-chan struct{}) {
	ended := make(chan struct{})
	if m == nil || m.every <= 0 {
		close(ended)
		return ended
	}
	// Owned by the caller: ctx ends it, and the caller waits for ended.
	go func() {
		defer close(ended)
		tick := time.NewTicker(m.every)
		defer tick.Stop()
		for {
			alive()
			m.say("WATCHDOG=1")
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ended
}

func (m *manager) close() {
	if m != nil {
		m.conn.Close()
	}
}
