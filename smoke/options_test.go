package smoke

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/trust"
)

// emptyResolver is a resolver of the program.
type emptyResolver struct{}

func (emptyResolver) Lookup(context.Context, string) ([]string, error) { return nil, nil }

func TestOptionsThatAreFine(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing":                     {},
		"an address and a seed":       {Address: "192.168.2.17", Port: 8495, Seeds: []string{"192.168.2.100:8495"}},
		"a seed on this machine":      {Seeds: []string{"127.0.0.1:1", "localhost:2", "[::1]:3", "a.localhost:4"}},
		"the same seed twice":         {Seeds: []string{"127.0.0.1:1", "127.0.0.1:1"}},
		"a name and IPv6":             {Address: "host.example.org", Seeds: []string{"[fd00::1]:8495", "dns://chat:7946"}},
		"an IPv6 address":             {Address: "fd00::1"},
		"an IPv6 address in brackets": {Address: "[fd00::1]"},
		"all interfaces":              {Listen: "0.0.0.0", Seeds: []string{"10.0.0.1:1"}},
		"all interfaces of both":      {Listen: "[::]:8495", Port: 8495},
		"a proxy":                     {Listen: "127.0.0.1:80", Advertise: "proxy:8080", Seeds: []string{"proxy:1"}},
		"a resolver of one's own":     {Seeds: []string{"chat:1", "mdns://chat", "127.0.0.1:1"}, Resolver: emptyResolver{}},
		"no limit":                    {MinPeers: 100, MaxPeers: -1},
		"few peers":                   {MaxPeers: 1},
		"exactly so many":             {MinPeers: 4, MaxPeers: 4},
		"no history":                  {History: History{Bytes: -1, Age: -1}},
		"a logger":                    {Logger: logrus.New()},
		"a logger with fields":        {Logger: logrus.WithField("a", 1)},
		"a slog logger":               {Logger: slog.Default()},
		"the quickest pings":          {PingInterval: time.Millisecond, PingTimeout: time.Millisecond, SlowHandler: -1},
	} {
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	o := Options{
		Address: "192.168.2.17:8495", Port: 70000, Listen: "no good", Advertise: "0.0.0.0:1",
		Seeds:    []string{"chat", "127.0.0.1:1"},
		MinPeers: 5, MaxPeers: 2, PingInterval: -1, PingTimeout: time.Microsecond,
		Network: strings.Repeat("n", 65), MaxPayload: 2 << 20, Logger: os.Stderr,
	}
	err := o.Validate()
	var options *OptionsError
	if !errors.As(err, &options) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range options.Problems {
		got = append(got, p.Field)
		if p.Why == "" || p.Fix == "" || p.Value == "" || !strings.Contains(err.Error(), "\n\t"+p.String()) {
			t.Errorf("%+v", p)
		}
	}
	want := []string{"Address", "Port", "Listen", "Advertise", "Seeds[0]", "MinPeers", "PingInterval", "PingTimeout", "Network", "MaxPayload", "Logger"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		o     Options
		field string
		want  string
	}{
		{Options{Address: "0.0.0.0"}, "Address", "others can't dial it"},
		{Options{Address: "::"}, "Address", "others can't dial it"},
		{Options{Address: "a/b"}, "Address", "can't have '/' in it"},
		{Options{Address: "300.1.1.1"}, "Address", "looks like an IP address"},
		{Options{Address: "fd00::1%"}, "Address", ""},
		{Options{Address: "224.0.0.1"}, "Address", "not the address of a machine"},
		{Options{Port: -1}, "Port", "65535"},
		{Options{Port: 1, Listen: "0.0.0.0:2"}, "Listen", "its port is not the Port, which is 1"},
		{Options{Listen: "0.0.0.0:0"}, "Listen", "\"0\" is not a port"},
		{Options{Advertise: "::"}, "Advertise", "others can't dial it"},
		{Options{Advertise: "proxy:http"}, "Advertise", "not a port"},
		{Options{Advertise: ":8495"}, "Advertise", "host is missing"},
		{Options{Seeds: []string{"chat:0"}}, "Seeds[0]", "not a port"},
		{Options{Seeds: []string{"127.0.0.1:1", "0.0.0.0:1"}}, "Seeds[1]", "not the address of a machine"},
		{Options{Seeds: []string{"mdns://chat"}}, "Seeds[0]", "not a known scheme"},
		{Options{Seeds: []string{"chat"}, Resolver: emptyResolver{}}, "Seeds[0]", "port is missing"},
		{Options{Seeds: []string{"192.168.2.100:1"}}, "Address", `seed "192.168.2.100:1" is on another one; set Address to an address of this machine, for example from smoke.LocalIP`},
		{Options{Address: "localhost", Seeds: []string{"dns://chat:1"}}, "Address", "only this machine"},
		{Options{Address: "10.0.0.1", Listen: "127.0.0.1", Seeds: []string{"10.0.0.2:1"}}, "Listen", "only this machine"},
		{Options{Address: "10.0.0.1", Advertise: "[::1]:1", Seeds: []string{"10.0.0.2:1"}}, "Advertise", "only this machine"},
		{Options{MinPeers: -1}, "MinPeers", "it is negative"},
		{Options{MinPeers: 3, MaxPeers: 2}, "MinPeers", "above MaxPeers, which is 2"},
		{Options{Network: "a\nb"}, "Network", "can't be printed"},
		{Options{Network: "\xff"}, "Network", "can't be printed"},
		{Options{MaxPayload: -1}, "MaxPayload", "events of this size"},
		{Options{Signed: []string{"chat"}}, "Signed", "no key to sign with; set Key"},
		{Options{Signed: []string{"chat", ""}, Secret: trust.NewSecret()}, "Signed[1]", "it is empty"},
		{Options{Signed: []string{strings.Repeat("n", 256)}, Secret: trust.NewSecret()}, "Signed[0]", "the limit is 255"},
		{Options{Logger: (*logrus.Logger)(nil)}, "Logger", "nil pointer"},
		{Options{Logger: (*slog.Logger)(nil)}, "Logger", "nil pointer"},
		{Options{Logger: &logrus.Entry{}}, "Logger", "nil pointer"},
	} {
		err := c.o.Validate()
		var options *OptionsError
		if !errors.As(err, &options) || len(options.Problems) != 1 || options.Problems[0].Field != c.field || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %s: %s", c.o, err, c.field, c.want)
		}
	}
}

func TestDefaultsOfPeersFollowEachOther(t *testing.T) {
	for _, c := range []struct{ min, max, wantMin, wantMax int }{
		{0, 0, 3, 5}, {0, 2, 2, 2}, {0, 10, 3, 10}, {0, -1, 3, -1}, {1, 0, 1, 5}, {8, 0, 8, 10}, {8, -1, 8, -1}, {2, 4, 2, 4},
	} {
		o := Options{MinPeers: c.min, MaxPeers: c.max}.withDefaults()
		if o.MinPeers != c.wantMin || o.MaxPeers != c.wantMax {
			t.Errorf("%d and %d became %d and %d, want %d and %d", c.min, c.max, o.MinPeers, o.MaxPeers, c.wantMin, c.wantMax)
		}
	}
}

func TestDefaults(t *testing.T) {
	want := Options{
		Address: "127.0.0.1", MinPeers: 3, MaxPeers: 5, MaxGuests: 64, PingInterval: 2 * time.Second, PingTimeout: 3 * time.Second,
		History: History{16 << 20, 5 * time.Minute}, MaxPayload: 1 << 20, SlowHandler: time.Second,
	}
	if got := (Options{}).withDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := want.withDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("a second time: %+v", got)
	}
}
