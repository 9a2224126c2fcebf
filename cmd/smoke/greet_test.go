package main

import (
	"context"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// The program at the address may be of any kind, and may be hostile. Each of these
// functions talks to the node that has connected. The connection ends when it returns.
func TestStrangersAreGreeted(t *testing.T) {
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			c.Write([]byte(text))
			io.Copy(io.Discard, c) // until the node closes the connection
		}
	}
	hello := func(h wire.Hello) func(net.Conn) {
		var e wire.Encoder
		h.ID = smoke.ID{1}
		frame, err := e.Append(nil, &h)
		if err != nil {
			t.Fatal(err)
		}
		return says(string(frame))
	}
	for _, stranger := range []struct {
		name  string
		talk  func(net.Conn)
		error string
		fix   string
		knows bool // the command learns the id
	}{
		{"a node", hello(wire.Hello{Major: wire.Major, Minor: 7}), "", "", true},
		{"of another network", hello(wire.Hello{Major: wire.Major, Network: "a b"}), `"a b" and not ""`, "--network 'a b'", true},
		{"of another version", hello(wire.Hello{Major: wire.Major + 1}), "another version of the protocol", "same version", false},
		{"says nothing", func(c net.Conn) { io.Copy(io.Discard, c) }, "said no HELLO within 3s", "check the port", false},
		{"hangs up", func(net.Conn) {}, "hung up", "check the port", false},
		{"speaks HTTP", says("HTTP/1.1 400 Bad Request\r\n"), `"HTTP/1.1" is not a HELLO`, "check the port", false},
		{"speaks TLS", says("\x15\x03\x03\x00\x02\x02\x46"), "its links are encrypted", "--secret-file", false},
		{"never ends", func(c net.Conn) {
			for {
				if _, err := c.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, "no smokesignal node", "check the port", false},
		{"begins a HELLO", says("\xff\x07\x01SMOK"), "no answer", "check the port", false},
		{"refuses", says("\x03\x02\x05\x00"), "not let in by the other end", "--secret-file", false},
		{"is busy", says("\x06\x02\x00\x03\x1b[m"), `refused: busy "\x1b[m"`, "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.New()
			g := &greeter{ends: handshake.Config{Self: ident.Origin{ID: smoke.ID{2}}}, transport: network.Host("10.0.0.2")}
			if _, err := g.greet(t.Context(), "10.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "no answer within 3s") {
				t.Fatalf("of a machine that is not there: %v", err)
			}
			listener, err := network.Host("10.0.0.1").Listen(t.Context(), "10.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			// The goroutine belongs to the test. It ends with the talk, and
			// synctest waits for it.
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				stranger.talk(conn)
				conn.Close()
				listener.Close()
			}()
			found, err := g.greet(t.Context(), "10.0.0.1:1")
			said := ""
			if err != nil {
				said = err.Error()
			}
			if (stranger.error == "") != (err == nil) || !strings.Contains(said, stranger.error) {
				t.Errorf("who %s: %v, want %q", stranger.name, err, stranger.error)
			}
			if fix := g.fix(err); !strings.Contains(fix, stranger.fix) {
				t.Errorf("who %s: %q, want %q", stranger.name, fix, stranger.fix)
			}
			if (found.ID != "") != stranger.knows {
				t.Errorf("who %s: %+v", stranger.name, found)
			}
		})
	}
}

// Package handshake decides alike for a node and for the command, because the command passes
// on all options that the package uses.
func TestTheCommandHandsOnAllOptionsOfTheHandshake(t *testing.T) {
	var given smoke.Options
	fields := reflect.TypeFor[handshake.Options]()
	for field := range fields.Fields() {
		name := field.Name
		if name == "HasTransport" {
			given.Transport = mem.New().Host("10.0.0.1")
			continue
		}
		v := reflect.ValueOf(&given).Elem().FieldByName(name)
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Func:
			given.Admit = func(context.Context, trust.Candidate) error { return nil }
		default:
			t.Fatalf("%s is a %s", name, v.Kind())
		}
	}
	got := reflect.ValueOf(securityOf(given))
	for i := range got.NumField() {
		if got.Field(i).IsZero() {
			t.Errorf("%s is not handed on", fields.Field(i).Name)
		}
	}
}
