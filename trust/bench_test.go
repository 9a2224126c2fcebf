package trust

import (
	"context"
	"net"
	"testing"
)

// The cost of a handshake for both ends together, without the connection itself.
func BenchmarkSecure(b *testing.B) {
	guards := make([]*Guard, 2)
	for i := range guards {
		key, err := NewKey()
		if err != nil {
			b.Fatal(err)
		}
		if guards[i], err = NewGuard(key, nil, Rules{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for range b.N {
		x, y := net.Pipe()
		done := make(chan error, 1)
		go func() { // owned by the benchmark; ends with the handshake
			_, err := guards[1].Secure(context.Background(), y, "")
			done <- err
		}()
		if _, err := guards[0].Secure(context.Background(), x, "pipe"); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		x.Close()
		y.Close()
	}
}

func BenchmarkNew(b *testing.B) {
	for range b.N {
		key, err := NewKey()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := NewGuard(key, nil, Rules{}); err != nil {
			b.Fatal(err)
		}
	}
}
