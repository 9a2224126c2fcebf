package trust_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// A node with a key file has the same id each time it starts.
func ExampleLoadOrCreateKey() {
	dir, err := os.MkdirTemp("", "key")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "node.key")
	first, err := trust.LoadOrCreateKey(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := trust.LoadOrCreateKey(path)
	fmt.Println(err, first.ID() == again.ID())
	// Output: <nil> true
}

// The PEM text of a key is a secret. Its String is not.
func ExampleParseKey() {
	key, err := trust.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := key.PEM()
	if err != nil {
		fmt.Println(err)
		return
	}
	parsed, err := trust.ParseKey(text)
	fmt.Println(err, parsed.String() == key.String())
	_, err = trust.ParseKey([]byte("not a key"))
	fmt.Println(err != nil)
	// Output:
	// <nil> true
	// true
}

// A password is not a secret, since an attacker can guess it.
func ExampleCheckSecret() {
	fmt.Println(trust.CheckSecret(trust.NewSecret()))
	fmt.Println(errors.Is(trust.CheckSecret("password"), trust.ErrWeakSecret))
	// Output:
	// <nil>
	// true
}

// An authority for tests issues a certificate with its key.
func ExampleDevAuthority() {
	authority, err := trust.NewDevAuthority()
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate, key, err := authority.Issue("10.0.0.1", "node-1.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "node-1.example.org"})
	fmt.Println(err)
	// Output: <nil>
}

// LoadTLS makes the value of Options.TLS from three files.
func ExampleLoadTLS() {
	dir, err := os.MkdirTemp("", "certs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	authority, err := trust.NewDevAuthority()
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate, key, err := authority.Issue("10.0.0.1", "node-1.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	for name, text := range map[string][]byte{"ca.pem": authority.PEM(), "node.pem": certificate, "node.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	config, err := trust.LoadTLS(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "node.pem"), filepath.Join(dir, "node.key"))
	fmt.Println(err, len(config.Certificates))
	// Output: <nil> 1
}

// The private half of a key signs, and any node verifies with the public half. The id of
// the node is a hash of it.
func ExampleKey() {
	key, err := trust.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	message := []byte("hello")
	fmt.Println(ed25519.Verify(key.Public(), message, key.Sign(message)))
	fmt.Println(key.ID() == ident.FromKey(key.Public()))
	text, err := key.PEM()
	fmt.Println(strings.HasPrefix(string(text), "-----BEGIN PRIVATE KEY-----"), err)
	// Output:
	// true
	// true
	// true <nil>
}

// Two guards secure the two ends of a connection. Each end then knows the id of the other
// one, and decides whether to admit it.
func ExampleGuard() {
	ctx := context.Background()
	annKey, err := trust.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	bobKey, err := trust.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	secret := trust.NewSecret()
	ann, err := trust.NewGuard(annKey, nil, trust.Rules{Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	bob, err := trust.NewGuard(bobKey, nil, trust.Rules{Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}

	network := mem.New()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	proofs := make(chan []byte)
	done := make(chan bool)
	go func() { // bob dials
		defer close(done)
		raw, err := network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer raw.Close()
		conn, err := bob.Secure(ctx, raw, "10.0.0.1:8495")
		if err != nil {
			fmt.Println(err)
			return
		}
		proofs <- bob.Proof(conn)
		<-proofs
	}()
	var raw net.Conn
	if raw, err = l.Accept(); err != nil {
		fmt.Println(err)
		return
	}
	defer raw.Close()
	conn, err := ann.Secure(ctx, raw, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("bob:", conn.Peer() == bob.ID())
	proof := <-proofs
	fmt.Println("allowed:", ann.CheckAllowed(conn) == nil)
	fmt.Println("admitted:", ann.Admit(ctx, conn, conn.Peer(), proof, "example", "10.0.0.2:8495") == nil)
	err = ann.Admit(ctx, conn, conn.Peer(), []byte("a guess"), "example", "10.0.0.2:8495")
	fmt.Println("with a guess:", errors.Is(err, trust.ErrWrongSecret))
	close(proofs)
	<-done
	// Output:
	// bob: true
	// allowed: true
	// admitted: true
	// with a guess: true
}

// A secret has several texts: base64, and hexadecimal digits in either case.
func ExampleIsSameSecret() {
	fmt.Println(trust.IsSameSecret("9c41ffbe0d6a7285e3174bf02dc896fb", "9C41FFBE0D6A7285E3174BF02DC896FB"))
	fmt.Println(trust.IsSameSecret(trust.NewSecret(), trust.NewSecret()))
	// Output:
	// true
	// false
}

// LoadKey does not create a key file.
func ExampleLoadKey() {
	_, err := trust.LoadKey(filepath.Join(os.TempDir(), "no such folder", "node.key"))
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output: true
}
