package redisnet

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest/contesttest"
)

func TestRedisCarries(t *testing.T) { contesttest.Carry(t, PubSub, true) }
func TestRedisStalls(t *testing.T)  { contesttest.Stall(t, PubSub) }
