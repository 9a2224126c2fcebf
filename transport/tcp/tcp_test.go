package tcp_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
	"github.com/smokesignal-go/smokesignal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	transporttest.Test(t, func(*testing.T) (listen, dial transport.Transport, addr string) {
		return tcp.Transport{}, tcp.Transport{}, "127.0.0.1:0"
	})
}

func TestConformanceFromALocalIP(t *testing.T) {
	transporttest.Test(t, func(*testing.T) (listen, dial transport.Transport, addr string) {
		return tcp.Transport{}, tcp.Transport{LocalIP: "127.0.0.1"}, "127.0.0.1:0"
	})
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	l, err := tcp.Transport{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr := l.Addr().String()
	_, err = tcp.Transport{}.Listen(t.Context(), addr)
	if err == nil {
		t.Fatal("two listeners at one address")
	}
	if got := err.Error(); !strings.HasPrefix(got, "listen "+addr+": ") || !strings.Contains(got, "choose another port") {
		t.Errorf("got %q", got)
	}
	if n := strings.Count(err.Error(), addr); n != 1 {
		t.Errorf("the address stands in it %d times: %v", n, err)
	}
	if _, ok := errors.AsType[*net.OpError](err); !ok {
		t.Errorf("the cause is lost: %#v", err)
	}

	// 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
	if _, err = (tcp.Transport{}).Listen(t.Context(), "192.0.2.1:0"); err == nil ||
		!strings.Contains(err.Error(), "this machine has no such address") {
		t.Errorf("got %v", err)
	}
}

func TestDialComesFromTheLocalIP(t *testing.T) {
	l, err := tcp.Transport{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, local := range []string{"", "0.0.0.0", "::", "127.0.0.1"} {
		c, err := tcp.Transport{LocalIP: local}.Dial(t.Context(), l.Addr().String())
		if err != nil {
			t.Fatalf("from %q: %v", local, err)
		}
		if ip := c.LocalAddr().(*net.TCPAddr).IP.String(); ip != "127.0.0.1" {
			t.Errorf("from %q: comes from %s", local, ip)
		}
		_ = c.Close()
	}
	for _, local := range []string{"not an address", "192.0.2.1"} {
		c, err := tcp.Transport{LocalIP: local}.Dial(t.Context(), l.Addr().String())
		if err == nil {
			_ = c.Close()
			t.Errorf("dialled from %q", local)
			continue
		}
		if transport.IsRefused(err) || transport.IsTimeout(err) {
			t.Errorf("from %q: our own mistake looks like the peer's: %v", local, err)
		}
	}
}
