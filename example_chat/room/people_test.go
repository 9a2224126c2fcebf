package room

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched returns people of a node that is not started.
func watched(t *testing.T) *People {
	p := Watch(smoke.CreateNode(smoke.Options{Network: t.Name()}), "me", func(Person) { t.Error("a person is gone") })
	t.Cleanup(p.Close)
	return p
}

func TestOneAnswerServesAllNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched(t)
		said := 0
		say := func() { said++ }
		wait := func(what string, want int) {
			t.Helper()
			time.Sleep(2 * answerWithin) // virtual
			synctest.Wait()
			if said != want {
				t.Errorf("%s: %d answers, want %d", what, said, want)
			}
		}
		p.AnswerSoon(say)
		p.AnswerSoon(say)
		wait("two newcomers", 1)
		p.AnswerSoon(say)
		wait("one more", 2)
		p.AnswerSoon(say)
		p.Close()
		p.AnswerSoon(say)
		wait("after Close", 2)
	})
}

func TestALargeRoomDoesNotAnswerNewcomers(t *testing.T) {
	p := watched(t)
	for n := range uint32(size) {
		p.Heard(id(n+2), "x")
	}
	p.AnswerSoon(func() {})
	if p.answer != nil {
		t.Error("an answer is under way")
	}
}

func TestHeardAndLeft(t *testing.T) {
	p := watched(t)
	if before, label, change := p.Heard(id(0x2222_0000), "ann"); before != "#2222" || label != "ann" || change != New {
		t.Errorf("%s, %s, %d", before, label, change)
	}
	if before, label, change := p.Heard(id(0x2222_0000), "me"); before != "ann" || label != "me#2222" || change != Renamed {
		t.Errorf("%s, %s, %d", before, label, change)
	}
	p.Rename("bob")
	if p.Self() != "bob" || p.Label(id(0x2222_0000)) != "me" || p.Len() != 1 || p.All()[0].Label != "me" {
		t.Errorf("%s, %v", p.Self(), p.All())
	}
	if label, known := p.Left(id(0x2222_0000)); label != "me" || !known {
		t.Errorf("%s, %v", label, known)
	}
	if _, known := p.Left(id(0x2222_0000)); known || p.IsClosed() {
		t.Error("a person leaves once")
	}
}

func TestTheFirstChatListensAtHome(t *testing.T) {
	first, other := Home(smoke.Options{Address: "[::1]"}, 9)
	if first.Port != 9 || other.Port != 0 || first.Seeds[0] != "[::1]:9" || other.Seeds[0] != first.Seeds[0] {
		t.Errorf("%+v, %+v", first, other)
	}
	if first, _ := Home(smoke.Options{}, 7); first.Address != "127.0.0.1" || first.Port != 7 {
		t.Errorf("%+v", first)
	}
}
