package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/files"
)

// Key is the identity of a node: an ed25519 key pair. The node's ID is a hash of the
// public key, so only a node with the private key can have that ID. A Key is immutable,
// and any goroutine may use it. Two running nodes must not have the same key.
type Key struct {
	private ed25519.PrivateKey
	id      ident.ID
}

// NewKey draws a key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return newKey(private), nil
}

func newKey(private ed25519.PrivateKey) *Key {
	return &Key{private: private, id: ident.FromKey(private.Public().(ed25519.PublicKey))}
}

// blockType is the type of the PEM block that holds a key in PKCS #8.
const blockType = "PRIVATE KEY"

// mostPEM is the size limit of a PEM file in bytes. A guess: a bundle of the authorities
// that an operating system trusts is a quarter as long.
const mostPEM = 1 << 20

// ParseKey reads the result of [Key.PEM], or any PEM file with an ed25519 key in PKCS
// #8, such as `openssl genpkey -algorithm ed25519` makes.
func ParseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockType {
		return nil, errors.New(`read a key: this is not a PEM file with a "PRIVATE KEY" block`)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read a key: it is a %T, and a node needs an ed25519 key", parsed)
	}
	return newKey(private), nil
}

// LoadKey reads a key file. On Unix-like systems it refuses a file that other users can
// read.
func LoadKey(path string) (*Key, error) {
	text, mode, err := files.ReadMode(path, mostPEM)
	if err != nil {
		return nil, fmt.Errorf("load a key: %w", err)
	}
	if !files.IsPrivate(mode) {
		return nil, fmt.Errorf("load a key: %s can be read by other users (mode %#o): make a new key, or chmod 600 the file if no other user has read it", path, mode.Perm())
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// LoadOrCreateKey reads a key file and creates it if it does not exist, so a node keeps
// its ID across restarts. If two processes create the file at the same time, both get
// the same key.
func LoadOrCreateKey(path string) (*Key, error) {
	key, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = NewKey(); err != nil {
		return nil, err
	}
	switch err := key.save(path); {
	case errors.Is(err, fs.ErrExist):
		return LoadKey(path)
	case err != nil:
		return nil, fmt.Errorf("save a key: %w", err)
	}
	return key, nil
}

// save writes a new file, completely or not at all.
func (k *Key) save(path string) (err error) {
	text, err := k.PEM()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), path) // unlike Rename, it replaces no file
}

// ID returns the ID of the node with this key.
func (k *Key) ID() ident.ID { return k.id }

// Public returns the public key.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// Sign signs a message.
func (k *Key) Sign(message []byte) []byte { return ed25519.Sign(k.private, message) }

// PEM returns the key as text for [ParseKey]. The text is secret.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}), nil
}

// String returns a name of the key that does not reveal it.
func (k *Key) String() string { return "key of " + k.id.String() }

// GoString returns String, so that a key printed by mistake stays secret.
func (k *Key) GoString() string { return k.String() }
