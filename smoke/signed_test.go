package smoke

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/trust"
)

// While a link's reader verifies events, which may take it long, the node goes on.
func TestNobodyWaitsForWhatIsVerified(t *testing.T) {
	create := func(seeds ...string) *Node {
		key, err := trust.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		return CreateNode(Options{Network: "smoke test", Key: key, Signed: []string{AllEvents}, Seeds: seeds})
	}
	ann := create()
	if err := ann.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ann.Stop() })
	bob := create(ann.Addr())
	linked, heard := make(chan struct{}), make(chan string, 1)
	bob.OnConnect(func() { close(linked) })
	ann.Broadcast().On("news", func(text string) { heard <- text })
	if err := bob.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bob.Stop() })
	<-linked

	begun, goOn := make(chan struct{}), make(chan struct{})
	d := ann.driver
	d.mu.Lock()
	for _, l := range d.links {
		verify := l.verify
		l.verify = func(o ident.Origin, seq uint64, body []byte) bool {
			close(begun)
			<-goOn
			return verify(o, seq, body)
		}
	}
	d.mu.Unlock()
	if err := bob.Broadcast().Emit("news", "hello"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if s := ann.Stats(); s.Peers != 1 || s.Delivered != 0 { // it needs what a step needs
		t.Errorf("meanwhile: %+v", s)
	}
	if err := ann.Broadcast().Emit("news", "from ann"); err != nil {
		t.Error(err)
	}
	close(goOn)
	if text := <-heard; text != "hello" {
		t.Errorf("heard %q", text)
	}
}
