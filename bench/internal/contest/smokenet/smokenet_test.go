package smokenet

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest/contesttest"
)

func TestRawCarries(t *testing.T)   { contesttest.Carry(t, Raw, true) }
func TestTypedCarries(t *testing.T) { contesttest.Carry(t, Typed, true) }
func TestRawStalls(t *testing.T)    { contesttest.Stall(t, Raw) }
