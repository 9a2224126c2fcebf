package smoke_test

import (
	"fmt"
	"os"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// setenv sets variables. restore sets their old values again.
func setenv(variables map[string]string) (restore func()) {
	before := make(map[string]string)
	for name, value := range variables {
		if old, ok := os.LookupEnv(name); ok {
			before[name] = old
		}
		os.Setenv(name, value)
	}
	return func() {
		for name := range variables {
			os.Unsetenv(name)
		}
		for name, value := range before {
			os.Setenv(name, value)
		}
	}
}

// The options of a program in a container come from the environment. All variables that
// can't be used are in one error.
func ExampleFromEnv() {
	defer setenv(map[string]string{"SMOKE_NETWORK": "shop", "SMOKE_SEEDS": "dns://shop:9000", "SMOKE_MIN_PEERS": "four"})()
	_, err := smoke.FromEnv()
	fmt.Println(err)

	os.Setenv("SMOKE_MIN_PEERS", "4")
	options, err := smoke.FromEnv()
	fmt.Println(options.Network, options.Seeds, options.MinPeers, err)
	// Output:
	// bad options: SMOKE_MIN_PEERS is "four": it can't be used; write a whole number
	// shop [dns://shop:9000] 4 <nil>
}

// A misspelt variable is a warning, because it may be another program's.
func ExampleOptions_Warnings() {
	defer setenv(map[string]string{"SMOKE_NETWROK": "shop"})()
	options, err := smoke.FromEnv()
	fmt.Println(options.Network == "shop", err)
	for _, w := range options.Warnings() {
		fmt.Println(w.Field, "-", w.Fix)
	}
	// Output:
	// false <nil>
	// SMOKE_NETWROK - write SMOKE_NETWORK if you mean that one
}

// Validate reports all problems of the options at once.
func ExampleOptions_Validate() {
	err := smoke.Options{Port: 70000, MinPeers: 8, MaxPeers: 4}.Validate()
	fmt.Println(err)
	// Output:
	// bad options, 2 problems:
	//	Port is 70000: it is not a port number; write 1 to 65535, or 0 for a free one
	//	MinPeers is 8: it is above MaxPeers, which is 4; write at most MaxPeers, or a negative MaxPeers for no limit
}

// Canonical writes addresses as nodes do.
func ExampleOptions_Canonical() {
	o := smoke.Options{Address: "[::1]", Advertise: "Chat.Example.org", Seeds: []string{"[::ffff:10.0.0.2]:9000"}}.Canonical()
	fmt.Println(o.Address, o.Advertise, o.Seeds)
	// Output: ::1 chat.example.org [10.0.0.2:9000]
}

// Options returns the options with defaults in place of zero values.
func ExampleNode_Options() {
	node := smoke.CreateNode(smoke.Options{Network: "example options"})
	o := node.Options()
	fmt.Println(o.Network, o.MinPeers, o.MaxPeers, o.PingInterval)
	// Output: example options 3 5 2s
}

// A node behind a proxy listens at one address and advertises another one.
func ExampleNode_Advertised() {
	node := smoke.CreateNode(smoke.Options{
		Network: "example options", Address: "10.0.0.1", Port: 9000, Advertise: "chat.example.org:443",
		Transport: mem.New().Host("10.0.0.1"),
	})
	defer startAlone(node)()
	fmt.Println(node.Addr(), node.Advertised())
	// Output: 10.0.0.1:9000 chat.example.org:443
}

// A secret is replaced in three steps. Each step is done on all nodes before the next.
// These are the options of the second step.
func ExampleOptions_secrets() {
	leaked, fresh := trust.NewSecret(), trust.NewSecret()
	node := smoke.CreateNode(smoke.Options{Network: "example handlers", Secrets: []string{fresh, leaked}})
	defer startAlone(node)()
	fmt.Println(node.Options().Secret == fresh)
	// Output: true
}
