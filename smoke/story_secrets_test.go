package smoke_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// rollout is a network whose nodes are restarted one by one, each time with other
// secrets, while all nodes emit events.
type rollout struct {
	t       *testing.T
	network *mem.Network
	keys    []*trust.Key
	nodes   []*smoke.Node
	lives   []*life // all lives of all nodes, also those that are over
	now     []*life // the current life of each node
	words   map[int]word
}

// word has the time of an event, and the life that emitted it. Events of the last second
// of a life are not counted; other tests check that they arrive.
type word struct {
	said time.Time
	by   *life
}

// life has the words that one life of a node received.
type life struct {
	node      int
	connected time.Time
	ended     time.Time // zero: it ran to the end of the test
	heard     map[int]int
	gaps      int
}

// isLate reports whether a time was in the last second of the life.
func (l *life) isLate(at time.Time) bool {
	return !l.ended.IsZero() && at.After(l.ended.Add(-time.Second))
}

func (r *rollout) start(i int, secrets []string) {
	l := &life{node: i, heard: make(map[int]int)}
	node := smoke.CreateNode(smoke.Options{
		Address: fmt.Sprintf("10.0.0.%d", i+1), Port: 8495, Seeds: []string{"10.0.0.1:8495", "10.0.0.2:8495"},
		Transport: r.network.Host(fmt.Sprintf("10.0.0.%d", i+1)), Key: r.keys[i], Secrets: secrets,
	})
	node.OnGap(func(g smoke.Gap) { l.gaps++ })
	smoke.On(node.Broadcast(), "word", func(_ smoke.Event, n int) { l.heard[n]++ })
	if err := node.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.nodes[i], r.now[i], r.lives = node, l, append(r.lives, l)
}

// meet waits until a node has a neighbour.
func (r *rollout) meet(i int) {
	if err := r.nodes[i].Peers().Wait(r.t.Context(), 1); err != nil {
		r.t.Fatal(err)
	}
	r.now[i].connected = time.Now()
}

// talk makes each node emit ten events a second.
func (r *rollout) talk(seconds int) {
	for range 10 * seconds {
		time.Sleep(100 * time.Millisecond)
		for i, node := range r.nodes {
			n := len(r.words)
			r.words[n] = word{time.Now(), r.now[i]}
			if err := node.Broadcast().Emit("word", n); err != nil {
				r.t.Errorf("word %d: %v", n, err)
			}
		}
	}
}

// step restarts the nodes one by one with new secrets.
func (r *rollout) step(secrets ...string) {
	for i := range r.nodes {
		if err := r.nodes[i].Stop(); err != nil {
			r.t.Errorf("stop node %d: %v", i, err)
		}
		r.now[i].ended = time.Now()
		r.start(i, secrets)
		r.meet(i)
		r.talk(3)
	}
}

// A secret is replaced in three steps, as docs/security.md describes, in a network of
// five nodes that emit all the time. Each event arrives once at each node that was
// connected when the event was emitted, and that ran for another second.
func TestASecretIsReplacedWhileTheNetworkRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nodes = 5
		r := &rollout{
			t: t, network: mem.New(), words: make(map[int]word),
			nodes: make([]*smoke.Node, nodes), now: make([]*life, nodes),
		}
		old, fresh := trust.NewSecret(), trust.NewSecret()
		for range nodes {
			key, err := trust.NewKey()
			if err != nil {
				t.Fatal(err)
			}
			r.keys = append(r.keys, key)
		}
		for i := range nodes {
			r.start(i, []string{old})
		}
		for i := range nodes {
			r.meet(i)
		}
		r.talk(3)
		r.step(old, fresh)
		r.step(fresh, old)
		r.step(fresh)
		time.Sleep(10 * time.Second)
		for _, node := range r.nodes {
			if err := node.Stop(); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if len(r.lives) != 4*nodes {
			t.Fatalf("%d lives", len(r.lives))
		}
		wanted := 0
		for n, l := range r.lives {
			if l.gaps > 0 {
				t.Errorf("life %d, of node %d: %d gaps", n, l.node, l.gaps)
			}
			for number, w := range r.words {
				if l.heard[number] > 1 {
					t.Errorf("life %d, of node %d, heard word %d %d times", n, l.node, number, l.heard[number])
				}
				if w.by.node == l.node || w.said.Before(l.connected) || l.isLate(w.said) || w.by.isLate(w.said) {
					continue
				}
				if wanted++; l.heard[number] == 0 {
					t.Errorf("life %d, of node %d, did not hear word %d", n, l.node, number)
				}
			}
		}
		if wanted < 1000 {
			t.Errorf("%d words counted", wanted)
		}
	})
}

// Two nodes that share no secret do not link up. So a secret can't be replaced in one
// step.
func TestNodesWithDifferentSecretsDoNotLinkUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, network := tell(t), mem.New()
		for i := range 2 {
			ip := fmt.Sprintf("10.0.0.%d", i+1)
			s.start(smoke.Options{
				Address: ip, Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host(ip), Secrets: []string{trust.NewSecret()},
			})
		}
		time.Sleep(time.Minute)
		for _, a := range s.cast {
			if a.Peers().Len() > 0 {
				t.Error("two nodes without a common secret are linked")
			}
		}
	})
}

func TestOptionsWithSecrets(t *testing.T) {
	one, two := trust.NewSecret(), trust.NewSecret()
	for _, c := range []struct {
		o    smoke.Options
		want string // a part of the error; "" for none
	}{
		{smoke.Options{Secrets: []string{one, two}}, ""},
		{smoke.Options{Secret: one, Secrets: []string{one, two}}, ""},
		{smoke.Options{Secret: two, Secrets: []string{one, two}}, "Secrets is set too"},
		{smoke.Options{Secrets: []string{one, "password"}}, "Secrets[1]"},
		{smoke.Options{Secrets: []string{""}}, "Secrets[0]"},
		{smoke.Options{Secrets: []string{one, two, one}}, "the same as Secrets[0]"},
		{smoke.Options{Secrets: make([]string, 9)}, "at most 8"},
		{smoke.Options{Secrets: []string{one}, InsecurePlaintext: true}, "InsecurePlaintext"},
	} {
		err := c.o.Validate()
		var bad *smoke.OptionsError
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &bad) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), one) || strings.Contains(err.Error(), "password")) {
			t.Errorf("the error contains a secret: %v", err)
		}
	}
	node := smoke.CreateNode(smoke.Options{Network: storyNetwork, Secrets: []string{one, two}})
	if o := node.Options(); o.Secret != one || len(o.Secrets) != 2 {
		t.Errorf("the node has %q, %q", o.Secret, o.Secrets)
	}
	node = smoke.CreateNode(smoke.Options{Network: storyNetwork, Secret: one})
	if o := node.Options(); o.Secret != one || len(o.Secrets) != 1 {
		t.Errorf("the node has %q, %q", o.Secret, o.Secrets)
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	one, two := trust.NewSecret(), trust.NewSecret()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(one+"\n"+two+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SMOKE_SECRET", one+", "+two)
	if o, err := smoke.FromEnv(); err != nil || o.Secret != one || len(o.Secrets) != 2 || o.Validate() != nil {
		t.Errorf("two in the variable: %v", err)
	}
	t.Setenv("SMOKE_SECRET_FILE", path)
	if _, err := smoke.FromEnv(); err == nil || !strings.Contains(err.Error(), "one of SMOKE_SECRET and SMOKE_SECRET_FILE") || strings.Contains(err.Error(), one) {
		t.Errorf("both: %v", err)
	}
	t.Setenv("SMOKE_SECRET", "")
	if o, err := smoke.FromEnv(); err != nil || o.Secret != one || len(o.Secrets) != 2 || o.Secrets[1] != two || o.Validate() != nil {
		t.Errorf("two in the file: %v", err)
	}
	t.Setenv("SMOKE_SECRET_FILE", path+" that does not exist")
	if _, err := smoke.FromEnv(); err == nil {
		t.Error("a file that does not exist is not an error")
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SMOKE_SECRET_FILE", path)
	if o, err := smoke.FromEnv(); err == nil || o.Secret != "" {
		t.Errorf("an empty file: %v", err)
	}
}
