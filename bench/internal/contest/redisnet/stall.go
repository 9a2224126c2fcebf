package redisnet

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// Stall adds a subscriber that stops reading. It stands for the last node,
// whose own client is closed.
func (b *broker) Stall() error {
	last := b.clients[len(b.clients)-1]
	last.redis.Close()
	conn, err := net.Dial("tcp", b.server.addr)
	if err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	b.stalled = conn
	if _, err := fmt.Fprintf(conn, "CLIENT SETNAME stalled\r\nSUBSCRIBE %s\r\n", channel); err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	return nil
}

// Out reports whether Redis has thrown the stalled client out.
func (b *broker) Out() bool {
	redis := b.clients[0].redis
	list, err := redis.Do(context.Background(), redis.B().ClientList().Build()).ToString()
	return err == nil && !strings.Contains(list, "name=stalled")
}
