package impure

import (
	"time"
	when "time"
)

var clock = time.Now // want "time.Now reads the clock"

func waits(t time.Time) time.Duration {
	time.Sleep(1)                  // want "time.Sleep waits"
	_ = time.NewTimer(time.Second) // want "time.NewTimer starts a timer"
	when.AfterFunc(1, nil)         // want "time.AfterFunc starts a timer"
	_ = t.In(time.Local)           // want "time.Local depends on the machine"
	return when.Since(t)           // want "time.Since reads the clock"
}
