package smoke

import (
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

// This file finds the sentinel for a greeting that failed:
//
//	ErrTimeout         it took the connection, and said nothing or not all in time
//	ErrRefused         it closed or reset the connection instead of greeting
//	ErrPlaintext       it is a node whose links are not encrypted as those here are
//	ErrNotAdmitted     one of the two certificates is not what the other end takes
//	ErrOtherVersion    it is a node of another major version
//	ErrNotSmokesignal  what it said is another protocol

// helloFault explains an error of reading in place of a HELLO.
func helloFault(err error) error {
	switch {
	case transport.IsTimeout(err):
		return fmt.Errorf("%w: it took the connection, and said no HELLO within %v", ErrTimeout, greetWithin)
	case hasHungUp(err):
		return fmt.Errorf("%w: it hung up before its HELLO (%w)", ErrRefused, err)
	}
	return fmt.Errorf("wait for HELLO: %w", err)
}

// explainHandshake explains a handshake of TLS that failed.
func explainHandshake(err error) error {
	var header tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var op *net.OpError
	switch {
	case transport.IsTimeout(err):
		return fmt.Errorf("%w: it took the connection, and did not complete the handshake of TLS within %v", ErrTimeout, greetWithin)
	case errors.As(err, &header):
		if !wire.MayOpen(header.RecordHeader[:]) {
			return fmt.Errorf("%w: it said %.5q", ErrNotSmokesignal, header.RecordHeader[:])
		}
		return fmt.Errorf("%w: %w", ErrPlaintext, err)
	case errors.Is(err, trust.ErrPlaintext):
		return fmt.Errorf("%w: %w", ErrPlaintext, err)
	case hasHungUp(err):
		return fmt.Errorf("%w: it hung up in the handshake of TLS; are its links not encrypted? (%w)", ErrRefused, err)
	case errors.Is(err, trust.ErrOtherMajor):
		return fmt.Errorf("%w: %w", ErrOtherVersion, err)
	case errors.Is(err, trust.ErrProtocol):
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	case errors.Is(err, trust.ErrCertificate), errors.As(err, &verify), errors.As(err, &authority):
		return fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	case errors.As(err, &op) && op.Op == "remote error":
		// crypto/tls has no type for alerts. Those about certificates are from a node
		// that does not take this one's.
		if text := err.Error(); strings.Contains(text, "certificate") || strings.Contains(text, "access denied") {
			return fmt.Errorf("%w by the other end: %w", ErrNotAdmitted, err)
		}
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	case strings.Contains(err.Error(), "tls: "):
		return fmt.Errorf("%w: %w", ErrNotSmokesignal, err)
	}
	return err
}

// hasHungUp reports whether the other end closed or reset the connection.
func hasHungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || transport.IsReset(err) || errors.Is(err, syscall.EPIPE)
}
