package natsnet

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

const stalledName = "stalled"

// Stall adds a subscriber that stops reading. It takes the place of the last node, whose own
// client is closed.
func (b *broker) Stall() error {
	conn, err := net.Dial("tcp", b.servers[0].Addr().String())
	if err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	b.slow = conn
	b.clients[len(b.clients)-1].Close()
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"name\":%q}\r\nSUB %s 1\r\nPING\r\n", stalledName, subject); err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	for in := bufio.NewReader(conn); ; { // the PONG shows that the subscription exists
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("stalled client: %w", err)
		}
		if strings.HasPrefix(line, "PONG") {
			return nil
		}
	}
}

// Out reports whether the server has disconnected the stalled client.
func (b *broker) Out() bool {
	if b.slow == nil {
		return false
	}
	list, err := b.servers[0].Connz(&server.ConnzOptions{Limit: len(b.clients) + 1})
	if err != nil {
		return false
	}
	for _, c := range list.Conns {
		if c.Name == stalledName {
			return false
		}
	}
	return true
}
