package smoke

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/trust"
)

func TestOptionsFromTheEnvironment(t *testing.T) {
	got, err := fromEnviron([]string{
		"HOME=/root", "SMOKE_ADDRESS=10.0.0.1", "SMOKE_PORT= 8495 ", "SMOKE_LISTEN=0.0.0.0", "SMOKE_ADVERTISE=proxy:1",
		"SMOKE_SEEDS=10.0.0.2:1, 10.0.0.3:1 dns://chat:1,", "SMOKE_MIN_PEERS=2", "SMOKE_MAX_PEERS=-1", "SMOKE_NETWORK=test", "SMOKE_SIGNED=chat,vote",
		"SMOKE_PING_INTERVAL=500ms", "SMOKE_PING_TIMEOUT=1m", "SMOKE_LOG_LEVEL=debug",
	})
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := got.Logger.(*logrus.Logger); !ok || l.GetLevel() != logrus.DebugLevel {
		t.Errorf("logger: %v", got.Logger)
	}
	got.Logger = nil
	want := Options{
		Address: "10.0.0.1", Port: 8495, Listen: "0.0.0.0", Advertise: "proxy:1",
		Seeds:    []string{"10.0.0.2:1", "10.0.0.3:1", "dns://chat:1"},
		MinPeers: 2, MaxPeers: -1, Network: "test", Signed: []string{"chat", "vote"}, PingInterval: 500 * time.Millisecond, PingTimeout: time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got, err := fromEnviron([]string{"SMOKE_PORT=", "PATH=x", "odd"}); err != nil || !reflect.DeepEqual(got, Options{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAddressInASubnetFromTheEnvironment(t *testing.T) {
	if o, err := fromEnviron([]string{"SMOKE_ADDRESS=127.0.0.0/8"}); err != nil || o.Address != "127.0.0.1" {
		t.Errorf("%q, %v", o.Address, err)
	}
	o, err := fromEnviron([]string{"SMOKE_ADDRESS=203.0.113.0/30"}) // RFC 5737: no machine has it
	if err == nil || o.Address != "" || !strings.Contains(err.Error(), `SMOKE_ADDRESS is "203.0.113.0/30": it can't be used; write an address`) ||
		!strings.Contains(err.Error(), "it has none there") {
		t.Errorf("%q, %v", o.Address, err)
	}
	if _, err := fromEnviron([]string{"SMOKE_ADDRESS=203.0.113.0/lots"}); err == nil || !strings.Contains(err.Error(), "neither the length nor the mask") {
		t.Error(err)
	}
}

func TestSecurityFromTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.key")
	if o, err := fromEnviron([]string{"SMOKE_KEY_FILE=" + path}); err == nil || o.Key != nil || !strings.Contains(err.Error(), "smoke key new") {
		t.Errorf("without the file: %v, %v", o.Key, err)
	}
	key, err := trust.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := trust.NewSecret()
	o, err := fromEnviron([]string{"SMOKE_KEY_FILE=" + path, "SMOKE_SECRET=" + secret, "SMOKE_INSECURE_PLAINTEXT=true"})
	if err != nil || o.Key.ID() != key.ID() || o.Secret != secret || !o.InsecurePlaintext {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := fromEnviron([]string{"SMOKE_INSECURE_PLAINTEXT=perhaps"}); err == nil || !strings.Contains(err.Error(), "write true or false") {
		t.Error(err)
	}
}

func TestAllProblemsOfTheEnvironmentAreTold(t *testing.T) {
	environ := []string{
		"SMOKE_PORT=http", "SMOKE_MAX_PEERS=5.5", "SMOKE_PING_TIMEOUT=3", "SMOKE_LOG_LEVEL=loud",
		"SMOKE_SEED=10.0.0.1:1", "SMOKE_MAXPEERS=5", "SMOKE_ADDRESS=10.0.0.1",
	}
	o, err := fromEnviron(environ)
	var options *OptionsError
	if !errors.As(err, &options) || len(options.Problems) != 4 || o.Address != "10.0.0.1" {
		t.Fatal(o, err)
	}
	for _, want := range []string{
		`SMOKE_PORT is "http": it can't be used; write a whole number`,
		`SMOKE_MAX_PEERS is "5.5": it can't be used; write a whole number`,
		`SMOKE_PING_TIMEOUT is "3": it can't be used; write a number and a unit`,
		`SMOKE_LOG_LEVEL is "loud": it can't be used; write error, warn`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	slices.Reverse(environ)
	if _, again := fromEnviron(environ); again.Error() != err.Error() {
		t.Errorf("another order: %v", again)
	}
}

// An unknown variable that begins with SMOKE_ may belong to another program. It is no
// error, and the node logs it.
func TestUnknownVariablesAreWarnings(t *testing.T) {
	environ := []string{"SMOKE_TEST=1", "SMOKE_SEED=10.0.0.1:1", "SMOKE_SECRT=hunter2", "SMOKE_PORT=7"}
	for i := range 20 { // as Kubernetes sets them for a service named smoke
		environ = append(environ, fmt.Sprintf("SMOKE_PORT_%d_TCP=tcp://10.0.0.1:8495", i))
	}
	o, err := fromEnviron(environ)
	if err != nil || o.Port != 7 || len(o.Warnings()) != 23 {
		t.Fatalf("%+v, %v", o, err)
	}
	text := fmt.Sprint(o.Warnings())
	for _, want := range []string{"SMOKE_SEED is set: smokesignal does not read this variable; write SMOKE_SEEDS if", "SMOKE_SECRT is set", "SMOKE_TEST is set"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nwant %s", text, want)
		}
	}
	out, hook := logtest.NewNullLogger()
	o.Logger, o.Port = out, 0
	n := CreateNode(o)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	lines := 0
	for _, e := range hook.AllEntries() {
		if e.Level == logrus.WarnLevel && strings.Contains(e.Message, "variable") {
			lines++
			text += fmt.Sprint(e.Message, e.Data)
		}
	}
	if lines != mostUnknown+1 || !strings.Contains(text, "variables:15") {
		t.Errorf("%d lines: %s", lines, text)
	}
	if strings.Contains(text, "hunter2") {
		t.Error("the log has the value of an unknown variable, which may be a secret")
	}
}

func TestFromEnvReadsTheProcess(t *testing.T) {
	t.Setenv("SMOKE_NETWORK", "from the process")
	if o, err := FromEnv(); err != nil || o.Network != "from the process" {
		t.Error(o, err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"SEED", "SEEDS", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzFromEnviron(f *testing.F) {
	f.Add("SMOKE_PORT", "8495")
	f.Add("SMOKE_SEEDS", "a:1, b:2")
	f.Add("SMOKE_PING_TIMEOUT", "1h")
	f.Add("SMOKE_ADVERTISE", "[::]:1")
	f.Fuzz(func(t *testing.T, name, value string) {
		o, err := fromEnviron([]string{name + "=" + value})
		var options *OptionsError
		if err != nil && !errors.As(err, &options) {
			t.Error(err)
		}
		if err := o.Validate(); err != nil && !errors.As(err, &options) {
			t.Error(err)
		}
	})
}
