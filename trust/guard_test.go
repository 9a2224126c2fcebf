package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func newTestKey(t *testing.T) *Key {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTestGuard(t *testing.T, key *Key, rules Rules) *Guard {
	t.Helper()
	g, err := NewGuard(key, nil, rules)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// pipe is a connection with two ends. Both have a deadline that passes only if a test
// hangs.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(time.Minute))
		t.Cleanup(func() { c.Close() })
	}
	return a, b
}

// meet makes a secure connection between two guards.
func meet(t *testing.T, dials, accepts *Guard) (a, b *Conn, errA, errB error) {
	t.Helper()
	rawA, rawB := pipe(t)
	done := make(chan struct{})
	go func() { // owned by the test; ends with the handshake, which the deadline bounds
		defer close(done)
		if b, errB = accepts.Secure(context.Background(), rawB, ""); errB != nil {
			rawB.Close()
		}
	}()
	if a, errA = dials.Secure(context.Background(), rawA, "127.0.0.1:1"); errA != nil {
		rawA.Close()
	}
	<-done
	return a, b, errA, errB
}

func TestTwoNodesProveWhoTheyAre(t *testing.T) {
	ann, bob := newTestKey(t), newTestKey(t)
	a, b, errA, errB := meet(t, newTestGuard(t, ann, Rules{}), newTestGuard(t, bob, Rules{}))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Peer() != bob.ID() || b.Peer() != ann.ID() {
		t.Errorf("ann sees %s, bob sees %s", a.Peer(), b.Peer())
	}
	if v := a.ConnectionState(); v.Version != tls.VersionTLS13 || v.DidResume {
		t.Errorf("version %x, resumed %v", v.Version, v.DidResume)
	}
	for text, ends := range map[string][2]*Conn{"from ann": {a, b}, "from bob": {b, a}} {
		if _, err := io.WriteString(ends[0], text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(ends[1], got); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

func TestOnlyTheIDOfItsKeyIsBelieved(t *testing.T) {
	ann, bob := newTestKey(t), newTestKey(t)
	guardA, guardB := newTestGuard(t, ann, Rules{}), newTestGuard(t, bob, Rules{})
	_, b, errA, errB := meet(t, guardA, guardB)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if err := guardB.Admit(t.Context(), b, ann.ID(), nil, "", ""); err != nil {
		t.Errorf("the truth: %v", err)
	}
	for _, claim := range []ident.ID{{}, {1}, bob.ID()} {
		if err := guardB.Admit(t.Context(), b, claim, nil, "", ""); !errors.Is(err, ErrNotItsID) {
			t.Errorf("ann says that she is %s: %v", claim, err)
		}
	}
}

func TestAnIDThatIsNotListedStaysOut(t *testing.T) {
	ann, bob, eve := newTestKey(t), newTestKey(t), newTestKey(t)
	guard := newTestGuard(t, bob, Rules{Allow: []ident.ID{ann.ID()}})
	for _, who := range []*Key{ann, eve} {
		_, b, errA, errB := meet(t, newTestGuard(t, who, Rules{}), guard)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if err := guard.Admit(t.Context(), b, who.ID(), nil, "", ""); errors.Is(err, ErrNotListed) != (who == eve) {
			t.Errorf("%s: %v", who, err)
		}
	}
}

func TestAdmitDecides(t *testing.T) {
	ann, bob := newTestKey(t), newTestKey(t)
	never := errors.New("never on a Saturday")
	var seen Candidate
	guard := newTestGuard(t, bob, Rules{Admit: func(_ context.Context, c Candidate) error { seen = c; return never }})
	a, b, errA, errB := meet(t, newTestGuard(t, ann, Rules{}), guard)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if err := guard.Admit(t.Context(), b, ann.ID(), nil, "net", "1.2.3.4:5"); !errors.Is(err, never) {
		t.Error(err)
	}
	if seen.ID != ann.ID() || seen.Dialled || seen.Remote != a.LocalAddr().String() || seen.Network != "net" ||
		seen.Addr != "1.2.3.4:5" || !ann.Public().Equal(seen.Certificate.PublicKey) {
		t.Errorf("the rule saw %+v", seen)
	}
}

// Proofs of the secret. Eve does not know it, and sees everything that is sent to her.
func TestANodeWithoutTheSecretIsNotAdmitted(t *testing.T) {
	secret := NewSecret()
	ann, bob, eve := newTestKey(t), newTestKey(t), newTestKey(t)
	guardA, guardB := newTestGuard(t, ann, Rules{Secret: secret}), newTestGuard(t, bob, Rules{Secret: secret})
	guardE := newTestGuard(t, eve, Rules{})
	link := func(dials, accepts *Guard) (*Conn, *Conn) {
		a, b, errA, errB := meet(t, dials, accepts)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		return a, b
	}
	a, b := link(guardA, guardB)
	if err := guardB.Admit(t.Context(), b, ann.ID(), guardA.Proof(a), "", ""); err != nil {
		t.Errorf("bob of ann: %v", err)
	}
	if err := guardA.Admit(t.Context(), a, bob.ID(), guardB.Proof(b), "", ""); err != nil {
		t.Errorf("ann of bob: %v", err)
	}
	wrong := newTestGuard(t, eve, Rules{Secret: NewSecret()})
	e, eb := link(guardE, guardB) // eve dials bob
	ae, _ := link(guardA, guardE) // ann dials eve
	again, _ := link(guardA, guardB)
	for what, proof := range map[string][]byte{
		"nothing":                  nil,
		"an empty one":             {},
		"one of another secret":    wrong.Proof(e),
		"bob's own, reflected":     guardB.Proof(eb),
		"ann's, from another link": guardA.Proof(a),
		"ann's to eve, passed on":  guardA.Proof(ae),
		"ann's second, passed on":  guardA.Proof(again),
		"longer than a proof":      append(guardA.Proof(a), 0),
		"shorter than one":         guardA.Proof(a)[:16],
	} {
		if err := guardB.Admit(t.Context(), eb, eve.ID(), proof, "", ""); !errors.Is(err, ErrWrongSecret) {
			t.Errorf("eve shows bob %s: %v", what, err)
		}
	}
	// Reflection, the other way: ann dialled eve, who sends ann's proof back.
	if err := guardA.Admit(t.Context(), ae, eve.ID(), guardA.Proof(ae), "", ""); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("eve shows ann her own proof: %v", err)
	}
}

// handshake makes a client of crypto/tls talk to a guard, and returns the guard's
// error.
func handshake(t *testing.T, config *tls.Config) error {
	t.Helper()
	rawA, rawB := pipe(t)
	done := make(chan struct{})
	go func() { // owned by the test; the guard's end of the connection ends it
		defer close(done)
		client := tls.Client(rawA, config)
		if client.Handshake() == nil {
			client.Read(make([]byte, 1))
		}
		rawA.Close()
	}()
	_, err := newTestGuard(t, newTestKey(t), Rules{}).Secure(context.Background(), rawB, "")
	rawB.Close()
	<-done
	return err
}

func certificateOf(t *testing.T, key any, public any, parent *x509.Certificate, signer any) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHandshakesThatAreRefused(t *testing.T) {
	key := newTestKey(t)
	good, err := key.certificate()
	if err != nil {
		t.Fatal(err)
	}
	elliptic256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain := good
	chain.Certificate = [][]byte{good.Certificate[0], good.Certificate[0]}
	bySomebodyElse := certificateOf(t, key.private, key.Public(), &x509.Certificate{SerialNumber: big.NewInt(2)}, other)
	bent := good
	bent.Certificate = [][]byte{append([]byte(nil), good.Certificate[0]...)}
	bent.Certificate[0][len(bent.Certificate[0])-1] ^= 1
	foreign := good
	foreign.PrivateKey = other

	base := func(change func(*tls.Config)) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{good}, InsecureSkipVerify: true, NextProtos: []string{protocol}}
		change(c)
		return c
	}
	show := func(c tls.Certificate) *tls.Config {
		return base(func(config *tls.Config) { config.Certificates = []tls.Certificate{c} })
	}
	if err := handshake(t, base(func(*tls.Config) {})); err != nil {
		t.Fatalf("a good client is refused: %v", err)
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.2":                      base(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
		"no certificate":               base(func(c *tls.Config) { c.Certificates = nil }),
		"two certificates":             show(chain),
		"an elliptic key":              show(certificateOf(t, elliptic256, elliptic256.Public(), nil, elliptic256)),
		"an RSA key":                   show(certificateOf(t, rsa2048, rsa2048.Public(), nil, rsa2048)),
		"an RSA key of 16384 bits":     show(hugeRSA(t, rsa2048)),
		"signed by somebody else":      show(bySomebodyElse),
		"a bent signature":             show(bent),
		"the key of somebody else":     show(foreign),
		"another protocol":             base(func(c *tls.Config) { c.NextProtos = []string{"h2"} }),
		"no protocol":                  base(func(c *tls.Config) { c.NextProtos = nil }),
		"a later version of the same":  base(func(c *tls.Config) { c.NextProtos = []string{"smokesignal/2"} }),
		"a certificate of huge length": show(longCertificate(t, key)),
	} {
		if err := handshake(t, config); err == nil {
			t.Errorf("%s: let in", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// hugeRSA returns a certificate with an RSA key whose signatures are expensive to verify.
// An attacker does not need its private half: the certificate is refused before it is
// used.
func hugeRSA(t *testing.T, signer *rsa.PrivateKey) tls.Certificate {
	n := new(big.Int).Lsh(big.NewInt(1), 16383)
	public := &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: 65537}
	return certificateOf(t, signer, public, &x509.Certificate{SerialNumber: big.NewInt(2)}, signer)
}

func longCertificate(t *testing.T, key *Key) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{}}
	for range 3000 {
		template.DNSNames = append(template.DNSNames, strings.Repeat("a", 60)+".example")
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key.private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.private}
}

func TestPlaintextIsNeverTaken(t *testing.T) {
	guard := newTestGuard(t, newTestKey(t), Rules{})
	for name, dialled := range map[string]string{"by who accepts": "", "by who dials": "127.0.0.1:1"} {
		rawA, rawB := pipe(t)
		if _, err := io.WriteString(rawA, "\x42\x01SMOK\x01\x00 and more of a HELLO that nobody has encrypted"); err != nil {
			t.Fatal(err)
		}
		if _, err := guard.Secure(context.Background(), rawB, dialled); !errors.Is(err, ErrPlaintext) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	_, raw := pipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newTestGuard(t, newTestKey(t), Rules{}).Secure(ctx, raw, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// authority returns a function that issues certificates, like a network's own authority.
func authority(t *testing.T) (issue func(key any, public any) *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return func(private, public any) *tls.Config {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, public, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
			RootCAs:      pool, ClientCAs: pool, MinVersion: tls.VersionTLS10,
		}
	}
}

func TestCertificatesOfAnAuthority(t *testing.T) {
	ours, theirs := authority(t), authority(t)
	guardOf := func(issue func(any, any) *tls.Config) *Guard {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGuard(nil, issue(key, key.Public()), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	ann, bob, eve := guardOf(ours), guardOf(ours), guardOf(theirs)
	a, b, errA, errB := meet(t, ann, bob)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Peer() != bob.ID() || b.Peer() != ann.ID() || ann.ID() == bob.ID() || a.ConnectionState().Version != tls.VersionTLS13 {
		t.Errorf("%s and %s see %s and %s", ann.ID(), bob.ID(), b.Peer(), a.Peer())
	}
	if _, _, _, err := meet(t, eve, bob); err == nil {
		t.Error("bob lets in whom another authority vouches for")
	}
	if _, _, err, _ := meet(t, ann, eve); err == nil {
		t.Error("ann believes whom another authority vouches for")
	}
	if _, _, _, err := meet(t, newTestGuard(t, newTestKey(t), Rules{}), bob); err == nil {
		t.Error("bob lets in who has no certificate of the authority")
	}
	if _, err := NewGuard(nil, &tls.Config{}, Rules{}); err == nil {
		t.Error("a configuration without a certificate is good enough")
	}
}

// trying is a connection whose TryWrite takes a few bytes at a time.
type trying struct {
	net.Conn
	room int // bytes that TryWrite still takes
}

func (c *trying) TryWrite(b []byte) (int, error) {
	n := min(len(b), c.room)
	c.room -= n
	if n == 0 {
		return 0, nil
	}
	return c.Conn.Write(b[:n])
}

// If the connection takes only a part of the bytes, the rest is written in the background,
// because TLS cannot split an encrypted record. Until the rest is written, TryWrite takes
// no more bytes.
func TestTryWriteDoesNotWait(t *testing.T) {
	for _, room := range []int{0, 1, 100, 20_000, 1 << 20} {
		rawA, rawB := pipe(t)
		guard := newTestGuard(t, newTestKey(t), Rules{})
		done := make(chan *Conn, 1)
		go func() { // owned by the test; ends with the handshake
			c, err := newTestGuard(t, newTestKey(t), Rules{}).Secure(context.Background(), rawB, "")
			if err != nil {
				t.Error(err)
			}
			done <- c
		}()
		a, err := guard.Secure(context.Background(), &trying{Conn: rawA, room: room}, "127.0.0.1:1")
		b := <-done
		if err != nil || b == nil {
			t.Fatal(err)
		}
		var sent []byte
		for i := range 200 {
			piece := []byte(strings.Repeat(string(rune('a'+i%26)), 1000+i))
			n, err := a.TryWrite(piece)
			if err != nil || n != 0 && n != len(piece) {
				t.Fatalf("room %d: %d, %v", room, n, err)
			}
			if n == 0 { // it was busy; Write waits
				if n, err = a.Write(piece); err != nil {
					t.Fatal(n, err)
				}
			}
			sent = append(sent, piece...)
		}
		if err := a.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); err != nil || string(got) != string(sent) {
			t.Errorf("room %d: %d of %d bytes arrive, %v", room, len(got), len(sent), err)
		}
	}
}

// A peer that reads nothing does not block callers that must not wait. The end of the
// connection ends the remaining work.
func TestTryWriteToAPeerThatReadsNothing(t *testing.T) {
	rawA, rawB := net.Pipe() // it buffers nothing: a write waits for a read
	ann, bob := newTestGuard(t, newTestKey(t), Rules{}), newTestGuard(t, newTestKey(t), Rules{})
	done := make(chan *Conn, 1)
	go func() { // owned by the test; ends with the handshake
		c, err := bob.Secure(context.Background(), rawB, "")
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	a, err := ann.Secure(context.Background(), &trying{Conn: rawA}, "127.0.0.1:1")
	if b := <-done; err != nil || b == nil {
		t.Fatal(err)
	}
	if n, err := a.TryWrite([]byte("first")); n != 5 || err != nil {
		t.Errorf("the first: %d, %v", n, err)
	}
	for range 10 {
		if n, err := a.TryWrite([]byte("more")); n != 0 || err != nil {
			t.Errorf("more: %d, %v", n, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if n, err := a.TryWrite([]byte("late")); n != 0 || err == nil {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

// NewGuard refuses settings that would make links insecure, and does not override them
// silently.
func TestConfigurationsThatAreNotSafe(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tls.Config){
		"another one for each client": func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return &tls.Config{}, nil }
		},
		"no verification":      func(c *tls.Config) { c.InsecureSkipVerify = true },
		"an empty certificate": func(c *tls.Config) { c.Certificates = []tls.Certificate{{}} },
	} {
		config := authority(t)(key, key.Public())
		change(config)
		if _, err := NewGuard(nil, config, Rules{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// slow is a connection whose deadline passes in each write: after some bytes, and in the
// last write before any byte.
type slow struct {
	net.Conn
	takes []int
	got   int
}

func (c *slow) Write(b []byte) (int, error) {
	n := min(c.takes[0], len(b))
	c.takes = c.takes[1:]
	c.got += n
	if n == len(b) {
		return n, nil
	}
	return n, os.ErrDeadlineExceeded
}

func (c *slow) SetWriteDeadline(time.Time) error { return nil }

// A slow write continues as long as bytes move: TLS cannot continue after a write that
// ended half-way.
func TestASlowWriteContinues(t *testing.T) {
	write := func(c *slow) (int, error) {
		w := newWire(c)
		w.greeted()
		if _, err := w.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		err := w.await()
		return c.got, err
	}
	if n, err := write(&slow{takes: []int{10, 1, 500, 489}}); n != 1000 || err != nil {
		t.Errorf("%d of 1000, %v", n, err)
	}
	if n, err := write(&slow{takes: []int{10, 0}}); n != 10 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("when nothing moves: %d, %v", n, err)
	}
}
