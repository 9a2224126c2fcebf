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

// Dialer dials through a proxy from one side. Its fields do not change once it
// is in use; then it may be used from any goroutine.
type Dialer struct {
	Proxy string // where the proxy listens
	Side  string // where the dialing program stands; no blanks
}

// Dial connects to addr. An address where nobody listens is refused with
// [syscall.ECONNREFUSED], an address behind a cut keeps Dial waiting until ctx
// ends or the cut does.
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
	// The past as a deadline ends whatever waits on the connection.
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
