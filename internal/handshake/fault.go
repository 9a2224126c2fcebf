package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// explainRead explains an error of the read that should have returned a HELLO.
func explainRead(err error) error {
	switch {
	case transport.IsTimeout(err):
		return fmt.Errorf("%w, and said no HELLO within %v", ErrSilent, Within)
	case hasHungUp(err):
		return fmt.Errorf("%w before its HELLO (%w)", ErrHungUp, err)
	}
	return fmt.Errorf("wait for HELLO: %w", err)
}

// explainTLS explains why a TLS handshake failed.
func explainTLS(err error) error {
	var header tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var op *net.OpError
	switch {
	case transport.IsTimeout(err):
		return fmt.Errorf("%w, and did not complete the handshake of TLS within %v", ErrSilent, Within)
	case errors.As(err, &header):
		if !wire.MayOpen(header.RecordHeader[:]) {
			return fmt.Errorf("%w: it said %.5q", ErrNotSmokesignal, header.RecordHeader[:])
		}
		return fmt.Errorf("%w: %w", ErrPlaintext, err)
	case errors.Is(err, trust.ErrPlaintext):
		return fmt.Errorf("%w: %w", ErrPlaintext, err)
	case hasHungUp(err):
		return fmt.Errorf("%w in the handshake of TLS; are its links not encrypted? (%w)", ErrHungUp, err)
	case errors.Is(err, trust.ErrOtherMajor):
		return fmt.Errorf("%w: %w", ErrOtherVersion, err)
	case errors.Is(err, trust.ErrProtocol):
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	case errors.Is(err, trust.ErrCertificate), errors.As(err, &verify), errors.As(err, &authority):
		return fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	case errors.As(err, &op) && op.Op == "remote error":
		// crypto/tls has no type for alerts. An alert about a certificate means that the
		// other node does not accept this node's certificate.
		if text := err.Error(); strings.Contains(text, "certificate") || strings.Contains(text, "access denied") {
			return fmt.Errorf("%w by the other end: %w", ErrNotAdmitted, err)
		}
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	case strings.Contains(err.Error(), "tls: "):
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	}
	return err
}

// DialFault explains a dial that failed, or a write in the handshake.
func DialFault(err error) error {
	switch {
	case transport.IsRefused(err):
		return ErrNothingListens
	case transport.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case hasHungUp(err):
		return fmt.Errorf("%w (%w)", ErrHungUp, err)
	}
	return err
}

// IsCertificateFault reports whether one end rejected the other's certificate.
func IsCertificateFault(err error) bool {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError // the type in which crypto/tls returns an alert of the other end
	return errors.As(err, &name) || errors.As(err, &authority) || errors.As(err, &invalid) ||
		errors.Is(err, trust.ErrCertificate) || errors.As(err, &alert) && alert.Op == "remote error"
}

// hasHungUp reports whether the other end closed or reset the connection.
func hasHungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || transport.IsReset(err) || errors.Is(err, syscall.EPIPE)
}
