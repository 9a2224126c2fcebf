package natsnet

import (
	"fmt"
	"net"
)

// Stall adds a subscriber that stops reading. It stands for the last node,
// whose own client is closed.
func (b *broker) Stall() error {
	last := len(b.clients) - 1
	b.clients[last].Close()
	conn, err := net.Dial("tcp", b.servers[0].Addr().String())
	if err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	b.slow = conn
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"stalled\"}\r\nSUB %s 1\r\n", subject); err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	return nil
}

// Out reports whether the server has thrown the stalled client out.
func (b *broker) Out() bool {
	clients := 0
	for _, s := range b.servers {
		clients += s.NumClients()
	}
	return clients < len(b.clients)
}
