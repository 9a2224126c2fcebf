package frame

import "crypto/ed25519"

// The body of an event is
//
//	[ 0 byte | public key, 32 bytes | signature, 64 bytes ] | name, with its length in a byte | payload
//
// where the part in brackets is absent from events without a signature.

// SignatureSize is the number of bytes that a signature adds to a body. See package
// signed.
const SignatureSize = 1 + ed25519.PublicKeySize + ed25519.SignatureSize

// IsSigned reports whether a body claims to be signed.
func IsSigned(body []byte) bool { return len(body) > 0 && body[0] == 0 }

// BodyFault returns the fault of an event's body, or the zero Fault. It depends on the
// body alone, so that no node refuses an event that a relay has accepted.
func BodyFault(body []byte) Fault {
	if IsSigned(body) {
		if len(body) <= SignatureSize {
			return Fault{"event signature", "is cut short", ErrMalformed}
		}
		body = body[SignatureSize:]
	}
	switch {
	case len(body) == 0 || len(body) < 1+int(body[0]):
		return Fault{"event name", "is cut short", ErrMalformed}
	case body[0] == 0:
		return Fault{"event name", "is empty", ErrMalformed}
	case len(body)-1-int(body[0]) > MaxPayload:
		return Fault{"event payload", "is too long", ErrTooLarge}
	}
	return Fault{}
}
