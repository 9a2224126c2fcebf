package smoke_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// startAlone starts a node without neighbours. Handlers with Echo receive its own events.
func startAlone(node *smoke.Node) (stop func()) {
	if err := node.Start(); err != nil {
		fmt.Println(err)
	}
	return func() { node.Stop() }
}

// Emit encodes the arguments at once. Programs can distinguish its errors by their types.
func ExampleBroadcast_Emit() {
	node := smoke.CreateNode(smoke.Options{Network: "example emit", MaxPayload: 1000})
	fmt.Println(errors.Is(node.Broadcast().Emit("chat", "too early"), smoke.ErrNotStarted))
	defer startAlone(node)()

	fmt.Println(node.Broadcast().Emit("chat", "hello", 42))
	_, ok := errors.AsType[*smoke.EncodeError](node.Broadcast().Emit("chat", make(chan int)))
	fmt.Println("can't be sent:", ok)
	large, ok := errors.AsType[smoke.TooLargeError](node.Broadcast().Emit("chat", make([]byte, 2000)))
	fmt.Println("too large:", ok, large.Limit)
	// Output:
	// true
	// <nil>
	// can't be sent: true
	// too large: true 1000
}

// Headers travel with an event.
func ExampleEvent_Header() {
	node := smoke.CreateNode(smoke.Options{Network: "example header"})
	done := make(chan bool)
	node.Broadcast().On("chat", func(e smoke.Event) {
		fmt.Println(e.Header("lang"), e.Header("other") == "", e.Headers())
		close(done)
	}, smoke.Echo())
	defer startAlone(node)()
	ctx := smoke.ContextWithHeader(context.Background(), "lang", "en")
	err := node.Broadcast().EmitContext(ctx, "chat")
	<-done
	fmt.Println(err)
	// Output:
	// en true map[lang:en]
	// <nil>
}

// EmitContext does not send if its context has ended. It sends the headers of the context.
func ExampleBroadcast_EmitContext() {
	node := smoke.CreateNode(smoke.Options{Network: "example emit"})
	done := make(chan bool)
	node.Broadcast().On("chat", func(e smoke.Event, text string) {
		fmt.Println(text, e.Header("lang"))
		close(done)
	}, smoke.Echo())
	defer startAlone(node)()

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(node.Broadcast().EmitContext(ended, "chat", "not sent"))
	ctx := smoke.ContextWithHeader(context.Background(), "lang", "en")
	err := node.Broadcast().EmitContext(ctx, "chat", "hello")
	<-done
	fmt.Println(err)
	// Output:
	// context canceled
	// hello en
	// <nil>
}

// A handler of Once runs for one event.
func ExampleBroadcast_Once() {
	node := smoke.CreateNode(smoke.Options{Network: "example once"})
	done := make(chan bool)
	node.Broadcast().Once("tick", func(n int) { fmt.Println("once", n) }, smoke.Echo())
	node.Broadcast().On("end", func() { close(done) }, smoke.Echo())
	defer startAlone(node)()
	node.Broadcast().Emit("tick", 1)
	node.Broadcast().Emit("tick", 2)
	node.Broadcast().Emit("end")
	<-done
	// Output: once 1
}

// The compiler checks the type of the argument of Once.
func ExampleOnce() {
	type Ready struct{ Shard int }
	node := smoke.CreateNode(smoke.Options{Network: "example once"})
	done := make(chan bool)
	smoke.Once(node.Broadcast(), "ready", func(_ smoke.Event, r Ready) {
		fmt.Println("shard", r.Shard)
		close(done)
	}, smoke.Echo())
	defer startAlone(node)()
	node.Broadcast().Emit("ready", Ready{Shard: 3})
	<-done
	// Output: shard 3
}

// A handler of OnAny gets the events of all names, not decoded.
func ExampleBroadcast_OnAny() {
	node := smoke.CreateNode(smoke.Options{Network: "example any"})
	done := make(chan bool)
	node.Broadcast().OnAny(func(e smoke.Event) {
		fmt.Println(e.Name, e.Seq, e.Len(), "arguments")
		if e.Name == "end" {
			close(done)
		}
	}, smoke.Echo())
	defer startAlone(node)()
	node.Broadcast().Emit("chat", "ann", "hi")
	node.Broadcast().Emit("end")
	<-done
	// Output:
	// chat 1 2 arguments
	// end 2 0 arguments
}

// Off removes all handlers of a name. The function that On returns removes one.
func ExampleBroadcast_Off() {
	node := smoke.CreateNode(smoke.Options{Network: "example off"})
	done := make(chan bool)
	node.Broadcast().On("chat", func(text string) { fmt.Println("not called", text) }, smoke.Echo())
	off := node.Broadcast().On("news", func() { fmt.Println("not called") }, smoke.Echo())
	node.Broadcast().On("end", func() { close(done) }, smoke.Echo())
	node.Broadcast().Off("chat")
	off()
	defer startAlone(node)()
	for _, name := range []string{"chat", "news", "end"} {
		node.Broadcast().Emit(name)
	}
	<-done
	fmt.Println("end")
	// Output: end
}

// Bind decodes arguments inside a handler.
func ExampleEvent_Bind() {
	node := smoke.CreateNode(smoke.Options{Network: "example bind"})
	done := make(chan bool)
	node.Broadcast().On("order", func(e smoke.Event) {
		defer close(done)
		var item string
		var count int
		fmt.Println(e.Bind(&item, &count), item, count)
		var wrong bool
		fmt.Println(errors.Is(e.Bind(&wrong), smoke.ErrArguments))
	}, smoke.Echo())
	defer startAlone(node)()
	node.Broadcast().Emit("order", "tea", 2)
	<-done
	// Output:
	// <nil> tea 2
	// true
}

// ContextHeaders returns the error for a header that is too long, before an event is
// sent.
func ExampleContextWithHeader() {
	ctx := smoke.ContextWithHeader(context.Background(), "lang", "en")
	fmt.Println(smoke.ContextHeaders(ctx))
	_, err := smoke.ContextHeaders(smoke.ContextWithHeader(ctx, "big", string(make([]byte, 2000))))
	wrong, ok := errors.AsType[*smoke.HeaderError](err)
	fmt.Println(ok, wrong.Name)
	// Output:
	// map[lang:en] <nil>
	// true big
}

// Raw has the arguments as they arrived, so that a program can forward an event without
// decoding it.
func ExampleEvent_Raw() {
	node := smoke.CreateNode(smoke.Options{Network: "example raw"})
	done := make(chan bool)
	node.Broadcast().On("in", func(e smoke.Event) {
		fmt.Println(e.Len(), e.Via() == node.ID(), e.Age() >= 0)
		node.Broadcast().Emit("out", e.Raw())
	}, smoke.Echo())
	node.Broadcast().On("out", func(text string, n int) {
		fmt.Println(text, n)
		close(done)
	}, smoke.Echo())
	defer startAlone(node)()
	node.Broadcast().Emit("in", "hello", 1)
	<-done
	// Output:
	// 2 true true
	// hello 1
}
