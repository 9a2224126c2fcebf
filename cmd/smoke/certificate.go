package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// expiresSoon is how long before its expiry a certificate causes a warning. A guess: enough
// time for weekly or manual renewal.
const expiresSoon = 14 * 24 * time.Hour

// checkCertificate checks what crypto/tls at the other end of a link will check. The
// certificates that nodes make themselves have no dates and no names that would need a
// check.
func (d *doctor) checkCertificate(now time.Time) {
	config := d.options.TLS
	if config == nil {
		return
	}
	chain := config.Certificates[0].Certificate // Validate ensures that there is one
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		d.tell(check{"certificate", bad, err.Error(), "make a new one"})
		return
	}
	between := x509.NewCertPool()
	for _, der := range chain[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	for _, use := range []struct {
		usage x509.ExtKeyUsage
		pool  *x509.CertPool
		when  string
	}{
		{x509.ExtKeyUsageServerAuth, config.RootCAs, "when it is dialled"},
		{x509.ExtKeyUsageClientAuth, config.ClientCAs, "when it dials"},
	} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: use.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use.usage}}); err != nil {
			fix := "have the authority that --tls names issue one, for servers and clients"
			if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
				fix = "renew it, or set the clock of this machine: it says " + now.Format(time.RFC3339)
			}
			d.tell(check{"certificate", bad, fmt.Sprintf("others would not take it %s: %v", use.when, err), fix})
			return
		}
	}
	left := leaf.NotAfter.Sub(now)
	says := fmt.Sprintf("valid until %s, %d days", leaf.NotAfter.Format(time.DateOnly), int(left.Hours()/24))
	if left < expiresSoon {
		d.tell(check{"certificate", odd, says, "renew it"})
		return
	}
	d.tell(check{"certificate", good, says, ""})
}

// checkNames checks that the certificate names the host at which others dial the
// node, if they can.
func (d *doctor) checkNames() {
	config := d.options.TLS
	if config == nil || config.ServerName != "" || d.advertised == "" {
		return
	}
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		return // checkCertificate has reported it
	}
	if err := leaf.VerifyHostname(handshake.HostOf(d.advertised)); err != nil {
		d.tell(check{"certificate", bad, err.Error(), "have the authority issue one for " + handshake.HostOf(d.advertised)})
	}
}
