package smoke_test

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// The process runs out of file descriptors. Existing links stay, and new nodes are
// accepted as soon as there are descriptors again. TestANodeCannotAcceptForAnHour checks
// that the node does not spin meanwhile.
func TestANodeWithoutDescriptors(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	bob := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	bob.peer(ann)

	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = uint64(len(open)) + 40
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(restore)

	var crowd []net.Conn
	for range 200 { // each takes one descriptor at this end, and one at ann's
		if conn, err := net.Dial("tcp", ann.Addr()); err == nil {
			crowd = append(crowd, conn)
		}
	}
	ann.wantLogged("can't accept connections for now", "too many open files")
	ann.speak(3)
	s.wantHeard([]*actor{bob}, []*actor{ann})
	for _, conn := range crowd {
		conn.Close()
	}
	restore()
	eve := s.start(smoke.Options{Seeds: []string{ann.Addr()}})
	s.eventually("a newcomer gets in", func() bool { return eve.Peers().Len() > 0 })
	if ann.times("remove")+bob.times("remove") > 0 {
		t.Error("ann and bob lost each other")
	}
}
