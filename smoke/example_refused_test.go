package smoke_test

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// If no node of the network admits this node, OnRefused reports the reason. Refusal
// returns the same later.
func ExampleNode_OnRefused() {
	seed := smoke.CreateNode(smoke.Options{Network: "example refused a", Logger: slog.New(slog.DiscardHandler)})
	if err := seed.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer seed.Stop()
	node := smoke.CreateNode(smoke.Options{Network: "example refused b", Seeds: []string{seed.Addr()}, Logger: slog.New(slog.DiscardHandler)})
	refused := make(chan smoke.Refusal, 1)
	node.OnRefused(func(r smoke.Refusal) { refused <- r })
	if err := node.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer node.Stop()
	r := <-refused // after five seconds
	fmt.Println("another network:", errors.Is(r.Err, smoke.ErrOtherNetwork))
	fmt.Println("at the seed:", r.Tried[0].Addr == seed.Addr())
	_, ok := node.Refusal()
	fmt.Println("still refused:", ok)
	// Output:
	// another network: true
	// at the seed: true
	// still refused: true
}
