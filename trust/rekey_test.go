package trust

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rekeyer is a client that asks for key updates, which crypto/tls never does: after the
// handshake it makes its records itself (RFC 8446, sections 5.2, 7.2 and 7.3).
type rekeyer struct {
	t      *testing.T
	conn   net.Conn
	hash   func() hash.Hash
	size   int // of a key
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

const (
	recordHandshake   = 22
	recordApplication = 23
)

// rekey makes a secure connection to a guard, over two ends of a connection.
func rekey(t *testing.T, ours, theirs net.Conn) (*rekeyer, *Conn) {
	t.Helper()
	certificate, err := newTestKey(t).certificate()
	if err != nil {
		t.Fatal(err)
	}
	guard := newTestGuard(t, newTestKey(t), Rules{})
	done := make(chan *Conn, 1)
	go func() { // owned by the test; ends with the handshake
		c, err := guard.Secure(context.Background(), theirs, "")
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	var keys bytes.Buffer
	client := tls.Client(ours, &tls.Config{
		Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, NextProtos: []string{protocol}, KeyLogWriter: &keys,
	})
	err = client.Handshake()
	c := <-done
	if err != nil || c == nil {
		t.Fatal(err)
	}
	r := &rekeyer{t: t, conn: ours}
	switch suite := client.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		r.hash, r.size = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		r.hash, r.size = sha512.New384, 32
	default:
		c.Close()
		ours.Close()
		t.Skipf("!! NOT TESTED: KeyUpdates: on a machine without AES in hardware TLS takes %s, which the standard library does not offer", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(keys.String()) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(words[2])
			if err != nil {
				t.Fatal(err)
			}
			r.use(secret)
		}
	}
	if r.aead == nil {
		t.Fatalf("no secret in %q", keys.String())
	}
	return r, c
}

// expand is HKDF-Expand-Label.
func (r *rekeyer) expand(secret []byte, label string, length int) []byte {
	r.t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	out, err := hkdf.Expand(r.hash, secret, string(append(info, 0)), length)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// use switches to the keys that follow from a secret.
func (r *rekeyer) use(secret []byte) {
	r.t.Helper()
	block, err := aes.NewCipher(r.expand(secret, "key", r.size))
	if err != nil {
		r.t.Fatal(err)
	}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		r.t.Fatal(err)
	}
	r.secret, r.iv, r.seq = secret, r.expand(secret, "iv", r.aead.NonceSize()), 0
}

// seal makes a record.
func (r *rekeyer) seal(kind byte, content []byte) []byte {
	inner := append(bytes.Clone(content), kind)
	head := []byte{recordApplication, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(inner)+r.aead.Overhead()))
	nonce := bytes.Clone(r.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, r.seq) {
		nonce[len(nonce)-8+i] ^= b
	}
	r.seq++
	return r.aead.Seal(head, nonce, inner, head)
}

// ask asks for a number of key updates, without data in between.
func (r *rekeyer) ask(times int) error {
	for range times {
		if _, err := r.conn.Write(r.seal(recordHandshake, []byte{24, 0, 0, 1, 1})); err != nil {
			return err
		}
		r.use(r.expand(r.secret, "traffic upd", r.hash().Size()))
	}
	return nil
}

func (r *rekeyer) say(text string) error {
	_, err := r.conn.Write(r.seal(recordApplication, []byte(text)))
	return err
}

// crypto/tls accepts 16 key updates in a row, and any number of them with data in
// between. Package trust must bound the answers; see wire.
func TestHowManyKeyUpdatesTLSAccepts(t *testing.T) {
	const inARow = 16
	ours, theirs := pipe(t)
	r, c := rekey(t, ours, theirs)
	defer c.Close()
	for range 10 {
		if err := errors.Join(r.ask(inARow), r.say("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Fatalf("after %d questions in a row: %d, %v", inARow, n, err)
		}
	}
	if err := errors.Join(r.ask(inARow+1), r.say("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 2)); err == nil {
		t.Errorf("after %d questions in a row: %d bytes", inARow+1, n)
	}
}

// A peer asks for key updates again and again, and reads neither the answers nor
// anything else. Its frames are still read, and no caller waits for it for long.
func TestAPeerThatAsksForKeyUpdatesAndReadsNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*Conn) error
		took time.Duration
		err  error
	}{
		{"close", (*Conn).Close, 0, nil},
		{"goodbye", (*Conn).CloseWrite, goodbyeWithin, context.DeadlineExceeded},
		{"two goodbyes", func(c *Conn) error { c.CloseWrite(); return c.CloseWrite() }, goodbyeWithin, context.DeadlineExceeded},
		{"write", func(c *Conn) error { _, err := c.Write([]byte("late")); return err }, stillMoving, context.DeadlineExceeded},
		{"write with a deadline", func(c *Conn) error {
			if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
				return err
			}
			_, err := c.Write([]byte("late"))
			return err
		}, time.Second, context.DeadlineExceeded},
		{"a deadline that is set meanwhile", func(c *Conn) error {
			time.AfterFunc(2*time.Second, func() { c.SetWriteDeadline(time.Now().Add(time.Second)) })
			_, err := c.Write([]byte("late"))
			return err
		}, 3 * time.Second, context.DeadlineExceeded},
	} {
		for _, tries := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TryWrite %v", test.name, tries), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := net.Pipe() // it buffers nothing: a write waits for a read
					if tries {
						theirs = &trying{Conn: theirs}
					}
					r, c := rekey(t, ours, theirs)
					heard := make(chan int64)
					go func() { // owned by the test; ends with the connection
						n, _ := io.Copy(io.Discard, c)
						heard <- n
					}()
					const rounds = 100
					for range rounds {
						if err := errors.Join(r.ask(10), r.say("x")); err != nil {
							t.Fatal(err)
						}
					}
					start := time.Now()
					if err := test.do(c); !isLike(err, test.err) {
						t.Errorf("%v", err)
					}
					if took := time.Since(start); took != test.took {
						t.Errorf("it took %v, want %v", took, test.took)
					}
					c.Close()
					if n := <-heard; n != rounds {
						t.Errorf("%d of %d bytes were heard", n, rounds)
					}
					ours.Close()
				})
			})
		}
	}
}

// isLike reports whether err is that error, or a timeout if want is one.
func isLike(err, want error) bool {
	if timeout, ok := errors.AsType[net.Error](err); ok && want == context.DeadlineExceeded {
		return timeout.Timeout()
	}
	return errors.Is(err, want)
}

// While one goroutine writes to a peer that reads nothing, another reads the peer's
// frames, key updates among them, and a third may close the connection.
func TestReadingContinuesWhileAWriteBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		r, c := rekey(t, ours, theirs)
		written := make(chan error)
		go func() { // owned by the test; ends with the connection
			_, err := c.Write(make([]byte, 3*mostAtOnce))
			written <- err
		}()
		synctest.Wait()
		got := make([]byte, 1)
		heard := make(chan error)
		go func() { // owned by the test; ends at the close below
			_, err := io.ReadFull(c, got)
			heard <- err
		}()
		start := time.Now()
		if err := errors.Join(r.ask(10), r.say("x")); err != nil {
			t.Fatal(err)
		}
		if err := <-heard; err != nil || got[0] != 'x' {
			t.Errorf("heard %q, %v", got, err)
		}
		c.Close()
		if err := <-written; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the write: %v", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		ours.Close()
	})
}

// A peer that reads a byte from time to time may do so while it is written to, but not
// forever after the close notice.
func TestCloseWriteToAPeerThatReadsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		_, c := rekey(t, ours, theirs)
		over := make(chan struct{})
		go func() { // owned by the test; ends with the connection
			defer close(over)
			for one := make([]byte, 1); ; time.Sleep(time.Second) {
				if _, err := ours.Read(one); err != nil {
					return
				}
			}
		}()
		const some = 100
		start := time.Now()
		if n, err := c.Write(make([]byte, some)); n != some || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if took := time.Since(start); took < some*time.Second {
			t.Errorf("the peer took it in %v", took)
		}
		start = time.Now()
		if err := c.CloseWrite(); !isLike(err, context.DeadlineExceeded) {
			t.Errorf("goodbye: %v", err)
		}
		if took := time.Since(start); took != goodbyeWithin {
			t.Errorf("the goodbye took %v", took)
		}
		c.Close()
		<-over
	})
}
