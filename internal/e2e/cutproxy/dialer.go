package cutproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Dialer dials through a proxy from one side. Do not change its fields after first use. It
// may be used from any goroutine.
type Dialer struct {
	Proxy string // address of the proxy
	Side  string // side of the dialling program; no blanks
}

// Dial connects to addr. If nothing listens there, it returns [syscall.ECONNREFUSED]. If
// the address is behind a cut, Dial waits until ctx or the cut ends.
func (d Dialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if strings.ContainsAny(d.Side+addr, " \n") || len(d.Side)+len(addr)+2 > maxRequest {
		return nil, fmt.Errorf("dial %q from side %q: no such address", addr, d.Side)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.Proxy)
	if err != nil {
		return nil, fmt.Errorf("dial %s through the cut proxy: %w", addr, err)
	}
	if err := d.ask(ctx, conn, addr); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("dial %s through the cut proxy: %w", addr, err)
	}
	return conn, nil
}

// ask sends the request and waits for the answer.
func (d Dialer) ask(ctx context.Context, conn net.Conn, addr string) error {
	// A deadline in the past ends all waits on the connection.
	unhook := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer unhook()
	if _, err := fmt.Fprintf(conn, "%s %s\n", d.Side, addr); err != nil {
		return err
	}
	var answer [3]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if string(answer[:]) != "ok\n" {
		return syscall.ECONNREFUSED
	}
	if !unhook() {
		return ctx.Err()
	}
	return nil
}
