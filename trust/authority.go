package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/files"
)

// devLasts is the validity of a DevAuthority's certificates.
const devLasts = 90 * 24 * time.Hour

// DevAuthority issues certificates for trying out a network with its own certificate
// authority. It keeps no records and revokes nothing, and its key is in memory only. A
// production network needs a real authority.
type DevAuthority struct {
	key         ed25519.PrivateKey
	certificate *x509.Certificate
}

// NewDevAuthority makes an authority with a new key.
func NewDevAuthority() (*DevAuthority, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "smokesignal development"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(devLasts),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	return &DevAuthority{private, certificate}, err
}

// serial draws a serial number of 62 bits.
func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // its Reader never fails
	return n.Add(n, big.NewInt(1))
}

// PEM returns the authority's own certificate, which nodes must trust.
func (a *DevAuthority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Issue makes a key and a certificate for nodes at the given hosts: IP addresses and
// names. Both results are PEM. [ParseKey] reads the key.
func (a *DevAuthority) Issue(hosts ...string) (certificate, key []byte, err error) {
	node, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: node.ID().String()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(devLasts),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.Unmap().WithZone("").AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, node.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issue a certificate: %w", err)
	}
	key, err = node.PEM()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, err
}

// LoadTLS reads a node's TLS configuration from three PEM files: the authority's
// certificate, which both ends trust, the node's own certificate, and its key.
func LoadTLS(authority, certificate, key string) (*tls.Config, error) {
	text, err := files.Read(authority, mostPEM)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read the authority: there is no certificate in %s", authority)
	}
	chain, err := files.Read(certificate, mostPEM)
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	private, err := files.Read(key, mostPEM)
	if err != nil {
		return nil, fmt.Errorf("read the key of the node's certificate: %w", err)
	}
	own, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13}, nil
}
