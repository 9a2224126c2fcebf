package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

func wantPage(t *testing.T, url, text string) {
	t.Helper()
	answer, err := http.Get(url + "api/options") // this asks no other node
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), text) {
		t.Errorf("the page says %s, %v", body, err)
	}
}

// Two chats that can't link show the reason on both screens.
func TestChatsThatDoNotFitSayWhy(t *testing.T) {
	for _, test := range []struct {
		name               string
		ann, bob           smoke.Options
		annReads, bobReads string
	}{
		{"another network", smoke.Options{Network: "tea"}, smoke.Options{Network: "coffee"},
			`belongs to another network, "coffee", and this chat to "tea": give both the same -network`, `belongs to another network, "tea"`},
		{"another secret", smoke.Options{Secret: trust.NewSecret()}, smoke.Options{Secret: trust.NewSecret()},
			"has another secret: give both the same SMOKE_SECRET", "has another secret: give both the same SMOKE_SECRET"},
		{"a secret here only", smoke.Options{}, smoke.Options{Secret: trust.NewSecret()},
			"has links that are encrypted, and this chat's are plaintext", "has links that are plaintext, and this chat's are encrypted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			open := func(o smoke.Options) (*chat, *book) {
				b := newBook(t)
				logger := terminalScreen(console{strings.NewReader(""), io.Discard}, false, neverFail(t)).logger()
				logger.Hooks = make(logrus.LevelHooks)
				logger.AddHook(&misfits{view: b})
				o.Address, o.Logger = "127.0.0.1", logger
				c, err := open(o, "ann", b)
				if err != nil {
					t.Fatal(err)
				}
				return c, b
			}
			ann, annSees := open(test.ann)
			test.bob.Seeds = []string{ann.node.Addr()}
			bob, bobSees := open(test.bob)
			annSees.await("note\tmisfit\ta node at 127.0.0.1", test.annReads)
			bobSees.await("note\tmisfit\tthe node at "+ann.node.Addr(), test.bobReads)
			for _, c := range []*chat{ann, bob} {
				if err := c.leave(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A person sees why a node does not fit, once a minute, and no other warning. A program
// sees all warnings.
func TestWhichWarningsAreShown(t *testing.T) {
	misfit := logrus.Fields{"option": "Network", "addr": "10.0.0.1:1", "ours": "a", "theirs": "\x1b[2Jb"}
	for _, interactive := range []bool{true, false} {
		var out bytes.Buffer
		fail := context.CancelCauseFunc(neverFail(t))
		s := plainScreen(strings.NewReader(""), &out, fail)
		if interactive {
			s = terminalScreen(console{strings.NewReader(""), &out}, false, fail)
		}
		log := s.logger()
		log.Warn("a seed is silent")
		log.WithField("variable", "SMOKE_TEST").Warn("no such variable")
		for range 3 {
			log.WithFields(misfit).Warn("it does not fit")
		}
		shown := out.String()
		if strings.Contains(shown, "a seed is silent") == interactive || !strings.Contains(shown, "SMOKE_TEST") {
			t.Errorf("interactive %v: %q", interactive, shown)
		}
		if strings.Count(shown, "belongs to another network") != 1 || strings.Contains(shown, "it does not fit") || strings.Contains(shown, "\x1b[2J") {
			t.Errorf("interactive %v: %q", interactive, shown)
		}
	}
	m := &misfits{}
	now := time.Now()
	if !m.isDue("x", now) || m.isDue("x", now.Add(misfitEvery-1)) || !m.isDue("x", now.Add(misfitEvery)) {
		t.Error("a line is not shown once a minute")
	}
	for i := range 2 * manyMisfits {
		m.isDue(strings.Repeat("y", i), now)
	}
	if len(m.shown) != manyMisfits {
		t.Errorf("%d lines are remembered", len(m.shown))
	}
}
