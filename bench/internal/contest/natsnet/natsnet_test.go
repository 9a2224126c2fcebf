package natsnet

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest/contesttest"
)

func TestOneServerCarries(t *testing.T)           { contesttest.Carry(t, Single, true) }
func TestThreeServersCarry(t *testing.T)          { contesttest.Carry(t, Cluster, true) }
func TestAServerForEveryNodeCarries(t *testing.T) { contesttest.Carry(t, Many, true) }
func TestOneServerStalls(t *testing.T)            { contesttest.Stall(t, Single) }
