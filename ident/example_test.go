package ident_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/smokesignal-go/smokesignal/ident"
)

// An ID is a value that can be written as text. IDs are ordered.
func ExampleID() {
	low, err := ident.Parse("00112233445566778899aabbccddeeff")
	if err != nil {
		fmt.Println(err)
		return
	}
	high := ident.ID{0xff}
	fmt.Println(low, low.Short(), low.IsZero(), ident.ID{}.IsZero())
	fmt.Println(low.Less(high), high.Compare(low))
	// Output:
	// 00112233445566778899aabbccddeeff 00112233 false true
	// true 1
}

// A program reads an ID from crypto/rand.
func ExampleNew() {
	a, err := ident.New(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := ident.New(rand.Reader)
	fmt.Println(a != b, err)
	// Output: true <nil>
}

// The ID of a node with a key is a hash of the key, so no other node can have it.
func ExampleFromKey() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	fmt.Println(ident.FromKey(key))
	// Output: 139e3940e64b5491722088d9a0d74162
}

// Addresses are compared in their canonical form.
func ExampleCanonicalAddr() {
	fmt.Println(ident.CanonicalAddr("[::ffff:10.0.0.1]:9000"), ident.CanonicalAddr("[2001:DB8::1%eth0]:9000"))
	// Output: 10.0.0.1:9000 [2001:db8::1]:9000
}

// An address of a peer has a zone only if the link to the peer has one. A link-local
// address without a zone can't be dialled.
func ExampleHeardAddr() {
	fmt.Printf("%q\n", ident.HeardAddr("[fe80::1]:9000", "eth0"))
	fmt.Printf("%q\n", ident.HeardAddr("[fe80::1]:9000", ""))
	fmt.Printf("%q\n", ident.HeardAddr("10.0.0.1:0", ""))
	// Output:
	// "[fe80::1%eth0]:9000"
	// ""
	// ""
}

// A zone is valid on one machine, so a node does not send it.
func ExampleTellAddr() {
	const addr = "[fe80::1%eth0]:9000"
	fmt.Println(ident.ZoneOf(addr), ident.TellAddr(addr))
	// Output: eth0 [fe80::1]:9000
}

// A loopback address is valid on one machine only.
func ExampleIsLoopback() {
	fmt.Println(ident.IsLoopback("127.0.0.1:9000"), ident.IsLoopback("10.0.0.1:9000"))
	fmt.Println(ident.IsLoopbackName("localhost"), ident.IsLoopbackName("chat.example.org"))
	// Output:
	// true false
	// true false
}
