package redisnet

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
)

const stalledName = "stalled"

// Stall adds a subscriber that stops reading. It takes the place of the last node,
// whose own client is closed.
func (b *broker) Stall() error {
	conn, err := net.Dial("tcp", b.server.addr)
	if err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	b.stalled = conn
	b.clients[len(b.clients)-1].redis.Close()
	if _, err := fmt.Fprintf(conn, "CLIENT SETNAME %s\r\nSUBSCRIBE %s\r\n", stalledName, channel); err != nil {
		return fmt.Errorf("stalled client: %w", err)
	}
	for in := bufio.NewReader(conn); ; { // the answer shows that the subscription exists
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("stalled client: %w", err)
		}
		if strings.HasPrefix(line, "subscribe") {
			return nil
		}
	}
}

// Out reports whether Redis has disconnected the stalled client.
func (b *broker) Out() bool {
	if b.stalled == nil {
		return false
	}
	redis := b.clients[0].redis
	list, err := redis.Do(context.Background(), redis.B().ClientList().Build()).ToString()
	return err == nil && !strings.Contains(list, "name="+stalledName+" ")
}
