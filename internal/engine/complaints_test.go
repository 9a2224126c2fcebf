package engine

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// Strangers from very many addresses, and false addresses from members, do not fill the
// log.
func TestLinesAboutStrangersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, hook := logtest.NewNullLogger()
		out.SetLevel(logrus.WarnLevel)
		l, err := logging.New(out)
		if err != nil {
			t.Fatal(err)
		}
		written := func() (lines []string) {
			l.Flush(t.Context())
			for _, e := range hook.AllEntries() {
				lines = append(lines, e.Message)
			}
			hook.Reset()
			return lines
		}
		c := newComplaints(t.Context(), &Config{Log: l})
		for n := range 60 { // one each second
			for m := range 100 {
				host := fmt.Sprintf("2001:db8:%x::%x", n, m)
				c.ofConn(comesFrom{addr: host}, handshake.ErrNotSmokesignal)
				c.ofDial("["+host+"]:1", &DialError{Err: handshake.ErrNotSmokesignal}, false)
			}
			time.Sleep(time.Second)
		}
		lines := written()
		if most := 2 * (mismatchAtOnce + int(time.Minute/mismatchEvery)); len(lines) < 2*mismatchAtOnce || len(lines) > most {
			t.Errorf("%d lines in a minute, at most %d", len(lines), most)
		}
		c.ofConn(comesFrom{addr: "10.0.0.1"}, &handshake.MisfitError{Is: handshake.ErrOtherNetwork, Ours: "a", Theirs: "b"})
		if got := written(); len(got) != 1 || !strings.Contains(got[0], sayNetwork) {
			t.Errorf("a node of another network is not logged: %q", got)
		}
	})
}

// comesFrom is a connection that only has a remote address.
type comesFrom struct {
	net.Conn
	addr string
}

func (c comesFrom) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 1} }
