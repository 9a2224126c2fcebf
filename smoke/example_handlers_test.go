package smoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Only handlers with Echo receive the events of their own node.
func ExampleEcho() {
	node := smoke.CreateNode(smoke.Options{Network: "example handlers"})
	done := make(chan bool)
	node.Broadcast().On("chat", func(text string) { fmt.Println("not heard:", text) })
	node.Broadcast().On("chat", func(e smoke.Event, text string) {
		fmt.Println(e.Seq, text, e.Origin == node.ID())
		close(done)
	}, smoke.Echo())
	if err := node.Start(); err != nil {
		fmt.Println(err)
	}
	defer node.Stop()
	node.Broadcast().Emit("chat", "hello")
	<-done
	// Output:
	// 1 hello true
}

// A slow handler with its own queue does not delay other handlers.
func ExampleQueue() {
	node := smoke.CreateNode(smoke.Options{Network: "example handlers"})
	done := make(chan bool)
	quick := make(chan bool)
	node.Broadcast().On("picture", func(n int) {
		<-quick // the other handler is called first
		fmt.Println("stored", n)
		if n == 2 {
			close(done)
		}
	}, smoke.Queue(100), smoke.Echo())
	node.Broadcast().On("picture", func(n int) {
		fmt.Println("seen", n)
		if n == 2 {
			close(quick)
		}
	}, smoke.Echo())
	if err := node.Start(); err != nil {
		fmt.Println(err)
	}
	defer node.Stop()
	node.Broadcast().Emit("picture", 1)
	node.Broadcast().Emit("picture", 2)
	<-done
	// Output:
	// seen 1
	// seen 2
	// stored 1
	// stored 2
}

// Messages returns the events of one name for a loop.
func ExampleMessages() {
	type Message struct{ From, Text string }
	node := smoke.CreateNode(smoke.Options{Network: "example handlers"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	messages := smoke.Messages[Message](ctx, node.Broadcast(), "chat", smoke.Echo())
	if err := node.Start(); err != nil {
		fmt.Println(err)
	}
	defer node.Stop()
	for _, text := range []string{"hi", "bye"} {
		node.Broadcast().Emit("chat", Message{"ann", text})
	}
	for e, m := range messages {
		fmt.Println(e.Seq, m.From, m.Text)
		if m.Text == "bye" {
			break
		}
	}
	// Output:
	// 1 ann hi
	// 2 ann bye
}

// TryOn returns the error that On only logs.
func ExampleTryOn() {
	node := smoke.CreateNode(smoke.Options{Network: "example handlers"})
	off, err := smoke.TryOn(node.Broadcast(), "chat", func(text string, n int) {})
	fmt.Println(err)
	off()
	_, err = smoke.TryOn(node.Broadcast(), "chat", func(c chan int) {})
	_, isHandlerError := err.(*smoke.HandlerError)
	fmt.Println(isHandlerError)
	// Output:
	// <nil>
	// true
}
