package smoke

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// machine has three addresses.
func machine() ([]netip.Addr, error) {
	return []netip.Addr{
		netip.MustParseAddr("192.168.2.200"), netip.MustParseAddr("192.168.2.17"),
		netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fd00::5"),
	}, nil
}

func TestLocalIPFindsTheAddressInASubnet(t *testing.T) {
	for subnet, want := range map[string]string{
		"192.168.2.1/24":                "192.168.2.17",
		"192.168.2.1/255.255.255.0":     "192.168.2.17",
		"192.168.2.200/24":              "192.168.2.200", // itself
		"192.168.2.128/25":              "192.168.2.200",
		"127.0.0.0/8":                   "127.0.0.1",
		"fd00::/8":                      "fd00::5",
		"fd00::/ff00::":                 "fd00::5",
		"fe80::/10":                     "fe80::1%eth0",
		"0.0.0.0/0":                     "127.0.0.1",
		"0.0.0.0/0.0.0.0":               "127.0.0.1",
		"::ffff:192.168.2.1/24":         "192.168.2.17",
		"192.168.2.17/32":               "192.168.2.17",
		"192.168.2.17/255.255.255.255":  "192.168.2.17",
		"fe80::9%eth0/64":               "fe80::1%eth0",
		"192.168.2.1/255.255.255.128":   "192.168.2.17",
		"fd00::/ffff:ffff:ffff:ffff::":  "fd00::5",
		"192.168.0.0/255.255.0.0":       "192.168.2.17",
		"192.168.2.128/255.255.255.128": "192.168.2.200",
	} {
		if got, err := localIP(subnet, machine); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", subnet, got, err, want)
		}
	}
}

func TestLocalIPSaysWhatIsWrong(t *testing.T) {
	for subnet, want := range map[string]string{
		"10.0.0.0/8":              "it has none there; it has 127.0.0.1, 192.168.2.17, 192.168.2.200, fd00::5, fe80::1%eth0",
		"192.168.2.1":             "the size is missing",
		"":                        "the size is missing",
		"x/24":                    `"x" is not an IP address`,
		"192.168.2.1/33":          `"33" is neither`,
		"192.168.2.1/-1":          `"-1" is neither`,
		"192.168.2.1/":            `"" is neither`,
		"192.168.2.1/255.0.255.0": `"255.0.255.0" is neither`,
		"192.168.2.1/ffff::":      `"ffff::" is neither`,
		"fd00::/255.0.0.0":        `"255.0.0.0" is neither`,
		"fd00::/129":              `"129" is neither`,
	} {
		got, err := localIP(subnet, machine)
		var none *SubnetError
		if !errors.As(err, &none) || !strings.Contains(err.Error(), want) || none.Subnet != subnet {
			t.Errorf("%s: got %q, %v; want %s", subnet, got, err, want)
		}
	}
	broken := errors.New("broken")
	if _, err := localIP("10.0.0.0/8", func() ([]netip.Addr, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestLocalIPAsksThisMachine(t *testing.T) {
	addrs, err := interfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range addrs {
		if got, err := LocalIP(netip.PrefixFrom(ip.WithZone(""), ip.BitLen()).String()); err != nil || !strings.HasPrefix(got, ip.WithZone("").String()) {
			t.Errorf("%s: got %s, %v", ip, got, err)
		}
	}
}

func FuzzLocalIP(f *testing.F) {
	for _, subnet := range []string{"192.168.2.1/24", "192.168.2.1/255.255.255.0", "fe80::1%eth0/64", "::/::", "/"} {
		f.Add(subnet)
	}
	f.Fuzz(func(t *testing.T, subnet string) {
		ip, err := localIP(subnet, machine)
		var none *SubnetError
		if err != nil && !errors.As(err, &none) {
			t.Error(err)
		}
		if _, parseErr := netip.ParseAddr(ip); err == nil && parseErr != nil {
			t.Errorf("%q gave %q", subnet, ip)
		}
	})
}
