package smoke_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
	"github.com/smokesignal-go/smokesignal/trust"
)

// A node calls functions of the program in many places. The table below has each of them,
// like the table in docs/design.md. At each place, the program calls all methods of the
// node, stops it, hangs, and panics.

// callback is a place at which the node calls the program.
type callback struct {
	name string // as in docs/design.md
	// set makes the node call act at this place. It changes the options of the node, or
	// adds to later and alive.
	set func(v *victim, o *smoke.Options, act func())
	// runs is the name of the place in the error of Shutdown if act hangs. "" means that
	// Shutdown does not wait for act, since it runs on a goroutine of the program.
	runs string
	// late: the place is reached only when the node or a link ends.
	late bool
	// silent: a panic is not counted; the call returns it as an error.
	silent bool
}

// victim is a node whose program misbehaves, and another node.
type victim struct {
	*story
	node, other  *actor
	spy          *spy
	otherTLS     *tls.Config
	otherOptions smoke.Options
	place        callback
	laters       []func()      // called when the node has been created
	alive        func()        // called when the node has started; can be nil
	hit          chan struct{} // closed when the node reaches the place
}

func conn(method, runs string) callback {
	return callback{name: "Conn." + method, runs: runs, late: strings.HasPrefix(method, "Close"), set: func(v *victim, o *smoke.Options, act func()) {
		o.Transport = v.spy
		v.spy.on(method, act)
	}}
}

var callbacks = []callback{
	{name: "Options.Logger", runs: "Options.Logger", set: func(_ *victim, o *smoke.Options, act func()) {
		o.Logger = loud(act)
	}},
	{name: "handler", runs: `a handler of "word"`, set: func(v *victim, _ *smoke.Options, act func()) {
		v.later(func() { v.node.Broadcast().On("word", act) })
	}},
	{name: "handler of a peer", runs: `a handler of "word"`, set: func(v *victim, _ *smoke.Options, act func()) {
		v.later(func() { v.node.Peers().OnAdd(func(p *smoke.Peer) { p.On("word", act) }) })
	}},
	{name: "hook", runs: "a hook", set: func(v *victim, _ *smoke.Options, act func()) {
		v.later(func() { v.node.OnConnect(act) })
	}},
	{name: "Resolver.Lookup", runs: "Resolver.Lookup(", set: func(v *victim, o *smoke.Options, act func()) {
		o.Seeds = []string{"dns://others:1"}
		o.Resolver = lookup(func() []string { act(); return []string{v.other.Addr()} })
	}},
	{name: "Transport.Listen", runs: "Transport.Listen(127.0.0.1:0)", set: func(v *victim, o *smoke.Options, act func()) {
		o.Transport = v.spy
		v.spy.on("Listen", act)
	}},
	{name: "Transport.Dial", runs: "Transport.Dial(", set: func(v *victim, o *smoke.Options, act func()) {
		o.Transport = v.spy
		v.spy.on("Dial", act)
	}},
	{name: "Listener.Accept", runs: "Listener.Accept(", set: func(v *victim, o *smoke.Options, act func()) {
		o.Transport = v.spy
		v.spy.on("Accept", act)
	}},
	{name: "Listener.Close", late: true, runs: "Listener.Close(", set: func(v *victim, o *smoke.Options, act func()) {
		o.Transport = v.spy
		v.spy.on("CloseListener", act)
	}},
	conn("Read", "Conn.Read("),
	conn("Write", "Conn.Write("),
	conn("TryWrite", "Conn.TryWrite("),
	conn("Close", "Conn.Close("),
	conn("CloseWrite", "Conn.CloseWrite("),
	conn("SetDeadline", "Conn.SetDeadline("),
	conn("RemoteAddr", "Conn.RemoteAddr of"),
	{name: "Options.Admit", runs: "Options.Admit(", set: func(_ *victim, o *smoke.Options, act func()) {
		o.Admit = func(context.Context, trust.Candidate) error { act(); return nil }
	}},
	{name: "callback of Options.TLS", runs: "the greeting of ", set: func(v *victim, o *smoke.Options, act func()) {
		both := v.authority()
		o.TLS, v.otherTLS = both[0], both[1]
		o.TLS.VerifyConnection = func(tls.ConnectionState) error { act(); return nil }
	}},
	{name: "EncodeMsgpack", silent: true, set: func(v *victim, _ *smoke.Options, act func()) {
		v.alive = func() {
			go v.node.Broadcast().Emit("odd", oddly{encode: act}) // a goroutine of the program; it ends with act
		}
	}},
	{name: "DecodeMsgpack", silent: true, runs: `a handler of "odd"`, set: func(v *victim, _ *smoke.Options, act func()) {
		v.later(func() {
			decoding.Store(v.node.ID().String(), act)
			smoke.On(v.node.Broadcast(), "odd", func(smoke.Event, decodedOddly) {})
		})
	}},
	{name: "function of Survey", set: func(v *victim, _ *smoke.Options, act func()) {
		v.alive = func() {
			go v.node.Survey(context.Background(), func(smoke.NodeInfo) { act() }) // a goroutine of the program; it ends with act
		}
	}},
}

// oddly is a type that encodes itself, by code of the program.
type oddly struct{ encode func() }

func (o oddly) EncodeMsgpack(e *msgpack.Encoder) error {
	o.encode()
	return e.EncodeString("odd")
}

// decodedOddly is a type that decodes itself. The value that arrives is the id of the
// receiving node, by which DecodeMsgpack finds the function to call.
type decodedOddly struct{}

var decoding sync.Map // id of a node → func()

func (*decodedOddly) DecodeMsgpack(d *msgpack.Decoder) error {
	id, err := d.DecodeString()
	if act, ok := decoding.Load(id); ok {
		act.(func())()
	}
	return err
}

// loud returns a logger that calls act for each line.
func loud(act func()) *logrus.Logger {
	l := logrus.New()
	l.SetLevel(logrus.DebugLevel)
	l.SetOutput(writer(func(b []byte) (int, error) { act(); return len(b), nil }))
	return l
}

type writer func(b []byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// lookup turns a function into a resolver.
type lookup func() []string

func (l lookup) Lookup(context.Context, string) ([]string, error) { return l(), nil }

// spy is loopback TCP. It calls act at the start of one method.
type spy struct {
	tcp.Transport
	method string
	act    func()
}

func (s *spy) on(method string, act func()) { s.method, s.act = method, act }

func (s *spy) enter(method string) {
	if s.method == method {
		s.act()
	}
}

// Listen implements transport.Transport.
func (s *spy) Listen(ctx context.Context, addr string) (net.Listener, error) {
	s.enter("Listen")
	l, err := s.Transport.Listen(ctx, addr)
	return spyListener{l, s}, err
}

// Dial implements transport.Transport.
func (s *spy) Dial(ctx context.Context, addr string) (net.Conn, error) {
	s.enter("Dial")
	conn, err := s.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return spyConn{conn.(*tcp.Conn), s}, nil
}

type spyListener struct {
	net.Listener
	spy *spy
}

func (l spyListener) Accept() (net.Conn, error) {
	l.spy.enter("Accept")
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return spyConn{conn.(*tcp.Conn), l.spy}, nil
}

func (l spyListener) Close() error {
	defer l.Listener.Close() // frees the port, whatever act does
	l.spy.enter("CloseListener")
	return nil
}

type spyConn struct {
	*tcp.Conn
	spy *spy
}

func (c spyConn) Read(b []byte) (int, error)  { c.spy.enter("Read"); return c.Conn.Read(b) }
func (c spyConn) Write(b []byte) (int, error) { c.spy.enter("Write"); return c.Conn.Write(b) }
func (c spyConn) CloseWrite() error           { c.spy.enter("CloseWrite"); return c.Conn.CloseWrite() }
func (c spyConn) RemoteAddr() net.Addr        { c.spy.enter("RemoteAddr"); return c.Conn.RemoteAddr() }

// TryWrite calls Write if the system's tcp.Conn has no TryWrite. So it may block, as a
// program's TryWrite may.
func (c spyConn) TryWrite(b []byte) (int, error) {
	c.spy.enter("TryWrite")
	if conn, ok := any(c.Conn).(transport.TryWriter); ok {
		return conn.TryWrite(b)
	}
	return c.Conn.Write(b)
}

func (c spyConn) SetDeadline(t time.Time) error {
	c.spy.enter("SetDeadline")
	return c.Conn.SetDeadline(t)
}

func (c spyConn) Close() error {
	defer c.Conn.Close()
	c.spy.enter("Close")
	return nil
}

// later registers a function that is called when the node has been created.
func (v *victim) later(do func()) { v.laters = append(v.laters, do) }

// newVictim creates a node whose program calls act at one place, and starts another node.
func newVictim(t *testing.T, place callback, act func(v *victim)) *victim {
	v := &victim{story: tell(t), spy: &spy{}, place: place, hit: make(chan struct{})}
	var first once
	network := fmt.Sprintf("%.40s %d", place.name, os.Getpid())
	o := smoke.Options{Network: network}
	place.set(v, &o, func() {
		first.do(func() { close(v.hit) })
		act(v)
	})
	other := smoke.Options{Network: network}
	if o.TLS != nil {
		other.TLS = v.otherTLS
	} else if o.Admit != nil {
		o.Key, other.Key = newKey(t), newKey(t)
	}
	v.other, v.otherOptions = v.start(other), other
	v.node = v.create(o)
	for _, do := range v.laters {
		do()
	}
	return v
}

// live starts the node, links the two nodes, emits events both ways and ends the link, as
// far as the misbehaving program permits.
func (v *victim) live() {
	if err := v.node.Start(); err != nil {
		return
	}
	if v.alive != nil {
		v.alive()
	}
	ctx, cancel := context.WithTimeout(v.Context(), 2*time.Second)
	defer cancel()
	_ = v.node.AddPeer(ctx, v.other.Addr()) // errors are expected: act may prevent any of this
	_ = v.other.AddPeer(ctx, v.node.Addr())
	_ = v.other.Broadcast().EmitContext(ctx, "word", 1)
	_ = v.other.Broadcast().EmitContext(ctx, "odd", v.node.ID().String())
	_ = v.node.Broadcast().EmitContext(ctx, "word", 1)
	for p := range v.other.Peers().All() {
		_ = p.EmitContext(ctx, "word", 1)
	}
	if !v.place.late {
		select {
		case <-v.hit:
		case <-ctx.Done():
		}
	}
	_ = v.node.RemovePeer(v.other.ID()) // closes the connection
}

// once runs a function at the first call of do only, even if that function calls do again.
type once struct{ done atomic.Bool }

func (o *once) do(f func()) {
	if !o.done.Swap(true) {
		f()
	}
}

// callAll calls each method of the node except Stop and Shutdown, with arguments that do
// little.
func (v *victim) callAll() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	node := reflect.ValueOf(v.node.Node)
	for i := range node.NumMethod() {
		switch name := node.Type().Method(i).Name; name {
		case "Stop", "Shutdown":
			continue
		}
		method := node.Method(i)
		var args []reflect.Value
		for in := range method.Type().Ins() {
			switch {
			case in == reflect.TypeFor[context.Context]():
				args = append(args, reflect.ValueOf(ctx))
			case in.Kind() == reflect.String:
				args = append(args, reflect.ValueOf(v.other.Addr()).Convert(in))
			case in.Kind() == reflect.Func:
				args = append(args, reflect.MakeFunc(in, func([]reflect.Value) (out []reflect.Value) {
					for t := range in.Outs() {
						out = append(out, reflect.Zero(t))
					}
					return out
				}))
			default:
				args = append(args, reflect.Zero(in))
			}
		}
		if method.Type().IsVariadic() {
			args = args[:len(args)-1]
		}
		method.Call(args)
	}
	_ = v.node.Broadcast().EmitContext(ctx, "said", 1)
	v.node.Broadcast().On("said", func() {})()
	for p := range v.node.Peers().All() {
		_ = p.EmitContext(ctx, "said", 1)
	}
}

// authority returns TLS configurations for two nodes on 127.0.0.1.
func (v *victim) authority() (list [2]*tls.Config) {
	v.Helper()
	ca, err := trust.NewDevAuthority()
	if err != nil {
		v.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca.PEM()) {
		v.Fatal("no authority")
	}
	for i := range list {
		certificate, key, err := ca.Issue("127.0.0.1")
		if err != nil {
			v.Fatal(err)
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			v.Fatal(err)
		}
		list[i] = &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ClientCAs: roots}
	}
	return list
}

// within fails the test if do does not return.
func (v *victim) within(what string, do func()) {
	v.Helper()
	returned := make(chan struct{})
	go func() { // the test waits for it below
		defer close(returned)
		do()
	}()
	wait(v.T, what, returned)
}

func eachCallback(t *testing.T, test func(t *testing.T, place callback)) {
	for _, place := range callbacks {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			test(t, place)
		})
	}
}

// Each function of the program that the node calls may call all methods of the node.
func TestACallbackMayCallTheNode(t *testing.T) {
	eachCallback(t, func(t *testing.T, place callback) {
		var first once
		called := make(chan struct{})
		v := newVictim(t, place, func(v *victim) {
			first.do(func() {
				defer close(called)
				v.callAll()
			})
		})
		v.within("the life of the node", v.live)
		if place.late {
			v.within("the end of Stop", func() { _ = v.node.Stop() })
		}
		wait(t, "the callback", called)
	})
}

// Each function of the program may stop the node. The node ends, and can be started
// again.
func TestACallbackMayStopTheNode(t *testing.T) {
	eachCallback(t, func(t *testing.T, place callback) {
		var first once
		stopped := make(chan error, 1)
		v := newVictim(t, place, func(v *victim) {
			first.do(func() { stopped <- v.node.Stop() })
		})
		v.within("the life of the node", v.live)
		if place.late {
			v.within("the end of Stop", func() { _ = v.node.Stop() })
		}
		err := wait(t, "the end of Stop in the callback", stopped)
		if left, ok := errors.AsType[*smoke.UndeliveredError](err); err != nil && !ok {
			t.Errorf("stop: %v", err)
		} else if ok && slices.ContainsFunc(left.Running, func(s string) bool { return place.runs != "" && strings.HasPrefix(s, place.runs) }) &&
			!strings.HasPrefix(place.name, "Conn.") {
			t.Errorf("stop waits for its caller: %v", err)
		}
		v.within("a stop from outside", func() { _ = v.node.Stop() })
		if err := v.node.Start(); err != nil {
			t.Fatalf("start again: %v", err)
		}
		if place.late { // after RemovePeer the node does not accept the other one for a minute
			v.other = v.start(v.otherOptions)
		}
		var last error
		defer func() { t.Log("meeting again:", last) }()
		v.eventually("the nodes meet again", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			last = v.other.AddPeer(ctx, v.node.Addr())
			return last == nil
		})
	})
}

// Each function of the program may hang. Shutdown returns when its context ends, its
// error names the function, and the node can be started again.
func TestACallbackMayHang(t *testing.T) {
	eachCallback(t, func(t *testing.T, place callback) {
		leave := make(chan struct{})
		hung := make(chan struct{})
		var first, second once
		v := newVictim(t, place, func(*victim) {
			if second.done.Load() {
				return
			}
			first.do(func() { close(hung) })
			<-leave
		})
		alive := make(chan struct{})
		go func() { // the test waits for it below
			defer close(alive)
			v.live()
		}()
		if !place.late {
			wait(t, "the callback", hung)
		} else {
			wait(t, "the life of the node", alive)
		}
		var err error
		v.within("the end of Shutdown", func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err = v.node.Shutdown(ctx)
		})
		if place.runs != "" {
			left, ok := errors.AsType[*smoke.UndeliveredError](err)
			if !ok || !slices.ContainsFunc(left.Running, func(s string) bool { return strings.HasPrefix(s, place.runs) }) {
				t.Errorf("shutdown does not say that %s runs: %v", place.runs, err)
			}
		}
		second.done.Store(true)
		if err := v.node.Start(); err != nil {
			t.Errorf("start again: %v", err)
		}
		close(leave)
		wait(t, "the life of the node", alive)
	})
}

// Each function of the program may panic. The panic is counted and logged with its stack,
// and the node continues.
func TestACallbackMayPanic(t *testing.T) {
	eachCallback(t, func(t *testing.T, place callback) {
		var first once
		panicked := make(chan struct{})
		v := newVictim(t, place, func(*victim) {
			first.do(func() {
				defer close(panicked)
				panic("on purpose")
			})
		})
		v.within("the life of the node", v.live)
		if place.late {
			v.within("the end of Stop", func() { _ = v.node.Stop() })
		}
		wait(t, "the callback", panicked)
		if !place.silent {
			v.eventually("the panic is counted", func() bool {
				s := v.node.Stats()
				return s.Calls.Panics+s.Handlers.Panics > 0
			})
		}
		if !place.silent && v.node.log != nil {
			v.eventually("the panic is logged", func() bool {
				for _, e := range v.node.log.AllEntries() {
					if stack, ok := e.Data["stack"].(string); ok && strings.Contains(stack, "story_callbacks_test.go") {
						return true
					}
				}
				return false
			})
		}
		if place.name == "Transport.Listen" { // the panic made Start fail
			if err := v.node.Start(); err != nil {
				t.Fatal(err)
			}
		}
		v.within("the end of Stop", func() { _ = v.node.Stop() })
	})
}

// The table in docs/design.md lists the same functions as the table above.
func TestTheDocumentedCallbacksAreTheTestedOnes(t *testing.T) {
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Callbacks\n")
	if !ok {
		t.Fatal("docs/design.md has no section about callbacks")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var documented, tested []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, row[1])
	}
	for _, place := range callbacks {
		tested = append(tested, place.name)
	}
	slices.Sort(documented)
	slices.Sort(tested)
	if !slices.Equal(documented, tested) {
		t.Errorf("documented: %q\ntested: %q", documented, tested)
	}
}
