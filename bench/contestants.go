package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/membernet"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/natsnet"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/redisnet"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/smokenet"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/tree"
)

// contestants are all systems, in the order of the tables.
var contestants = []contest.Contestant{
	tree.Opaque, tree.Msgpack, smokenet.Raw, smokenet.TLS, smokenet.Typed, natsnet.Single,
	natsnet.Cluster, natsnet.Many, redisnet.PubSub, membernet.BestEffort, membernet.Queue,
}

// contestant returns the contestant with this name.
func contestant(name string) (contest.Contestant, error) {
	i := slices.IndexFunc(contestants, func(c contest.Contestant) bool { return c.Name == name })
	if i < 0 {
		return contest.Contestant{}, fmt.Errorf("there is no contestant %q; there are %s", name, strings.Join(names(), ", "))
	}
	return contestants[i], nil
}

func names() (list []string) {
	for _, c := range contestants {
		list = append(list, c.Name)
	}
	return list
}
