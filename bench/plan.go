package main

import "github.com/smokesignal-go/smokesignal/bench/internal/load"

// cell is one table: some contestants under the same load, in several rounds.
type cell struct {
	Spec        load.Spec // of every measurement but for contestant and round
	Contestants []string
	Rounds      int
}
