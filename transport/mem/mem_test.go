package mem_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	transporttest.Test(t, func(*testing.T) (listen, dial transport.Transport, addr string) {
		n := mem.New()
		return n.Host("10.0.0.1"), n.Host("10.0.0.2"), "10.0.0.1:0"
	})
}

// One process dials itself, or another one on its machine.
func TestConformanceOnOneHost(t *testing.T) {
	transporttest.Test(t, func(*testing.T) (listen, dial transport.Transport, addr string) {
		h := mem.New().Host("fd00::1")
		return h, h, "[fd00::1]:0"
	})
}
