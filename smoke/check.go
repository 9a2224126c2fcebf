package smoke

import "github.com/smokesignal-go/smokesignal/internal/wire"

// What arguments look like on the wire is the business of package wire. These
// are all that the face needs of it.

// The limits that every node sets to the arguments of an event.
const (
	maxDepth    = wire.MaxDepth
	maxElements = wire.MaxElements
)

// checkPayload reports why other nodes would refuse arguments.
func checkPayload(b []byte) error { return wire.CheckPayload(b) }

// safeArguments gives what msgpack can decode without harm in place of the arguments
// in a payload, which may have headers before them.
func safeArguments(payload []byte) ([]byte, error) {
	_, args, err := wire.SplitHeaders(payload)
	if err != nil {
		return nil, err
	}
	return wire.SafePayload(args)
}
