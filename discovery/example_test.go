package discovery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/discovery"
)

// ParseSeed checks the form of a seed. It asks no server.
func ExampleParseSeed() {
	for _, text := range []string{"192.168.2.100:8495", "dns://chat:8495", "chat"} {
		seed, err := discovery.ParseSeed(text)
		if wrong, ok := errors.AsType[*discovery.SyntaxError](err); ok {
			fmt.Printf("%s: %s\n", text, wrong.Why)
			continue
		}
		fmt.Printf("%s: %q %q %d\n", text, seed.Scheme, seed.Host, seed.Port)
	}
	// Output:
	// 192.168.2.100:8495: "" "" 8495
	// dns://chat:8495: "dns" "chat" 8495
	// chat: the port is missing
}

// Addr returns the address of a seed that needs no look-up.
func ExampleSeed_Addr() {
	for _, text := range []string{"[::ffff:10.0.0.1]:8495", "dns://chat:8495"} {
		seed, err := discovery.ParseSeed(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		addr, known := seed.Addr()
		fmt.Printf("%q %v\n", addr, known)
	}
	// Output:
	// "10.0.0.1:8495" true
	// "" false
}

// Static knows addresses and localhost, and no other names.
func ExampleStatic() {
	ctx := context.Background()
	fmt.Println(discovery.Static{}.Lookup(ctx, "localhost:8495"))
	_, err := discovery.Static{}.Lookup(ctx, "chat:8495")
	_, ok := errors.AsType[*discovery.LookupError](err)
	fmt.Println(ok)
	// Output:
	// [127.0.0.1:8495] <nil>
	// true
}

// byTable is a resolver of the program's own, for Options.Resolver.
type byTable map[string][]string

func (t byTable) Lookup(_ context.Context, seed string) ([]string, error) {
	if _, err := discovery.ParseSeed(seed); err != nil {
		return nil, err
	}
	if len(t[seed]) == 0 {
		return nil, &discovery.LookupError{Seed: seed, Err: discovery.ErrEmpty}
	}
	return t[seed], nil
}

func ExampleResolver() {
	var r discovery.Resolver = byTable{"chat:8495": {"10.0.0.1:8495", "10.0.0.2:8495"}}
	fmt.Println(r.Lookup(context.Background(), "chat:8495"))
	_, err := r.Lookup(context.Background(), "other:8495")
	fmt.Println(err)
	// Output:
	// [10.0.0.1:8495 10.0.0.2:8495] <nil>
	// look up seed "other:8495": the name has no address
}
