package smoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// With Rewind, a handler that is registered late first gets the events that the node
// received in the last minute, and then new ones.
func ExampleRewind() {
	ann, bob := smoke.CreateNode(smoke.Options{Network: "example rewind"}), smoke.CreateNode(smoke.Options{Network: "example rewind"})
	heard := make(chan bool)
	bob.Broadcast().On("news", func(string) { heard <- true })
	for _, node := range []*smoke.Node{ann, bob} {
		if err := node.Start(); err != nil {
			fmt.Println(err)
		}
		defer node.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := bob.AddPeer(ctx, ann.Addr()); err != nil {
		fmt.Println(err)
	}
	if err := ann.Broadcast().Emit("news", "it rains"); err != nil {
		fmt.Println(err)
	}
	<-heard

	late := make(chan string)
	bob.Broadcast().On("news", func(text string) { late <- text }, smoke.Rewind(time.Minute))
	fmt.Println(<-late)
	// Output: it rains
}
