package smoke

import "github.com/smokesignal-go/smokesignal/internal/wire"

// What arguments look like on the wire is the business of package wire. These
// are all that the face needs of it.

// checkPayload reports why other nodes would refuse arguments.
func checkPayload(b []byte) error { return wire.CheckPayload(b) }

// checkedArguments returns the arguments in a payload, which may have headers before
// them, if they can be decoded without harm.
func checkedArguments(payload []byte) ([]byte, error) {
	_, args, err := wire.SplitHeaders(payload)
	if err != nil {
		return nil, err
	}
	return args, wire.CheckPayload(args)
}
