package smoke_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// BenchmarkJoin measures the time from the call of AddPeer until the nodes are linked, on
// loopback: with plaintext links, and with encrypted links that need a secret.
func BenchmarkJoin(b *testing.B) {
	for _, way := range []struct {
		name   string
		secret string
	}{{"plaintext", ""}, {"encrypted", trust.NewSecret()}} {
		b.Run(way.name, func(b *testing.B) {
			quiet, _ := logtest.NewNullLogger()
			quiet.SetLevel(logrus.ErrorLevel)
			start := func() *smoke.Node {
				node := smoke.CreateNode(smoke.Options{Network: "smoke test", Secret: way.secret, MinPeers: 1, MaxPeers: -1, Logger: quiet})
				if err := node.Start(); err != nil {
					b.Fatal(err)
				}
				return node
			}
			ann := start()
			defer ann.Stop()
			var took []time.Duration
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				bob := start()
				b.StartTimer()
				begin := time.Now()
				if err := bob.AddPeer(b.Context(), ann.Addr()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
				b.StopTimer()
				if err := bob.Stop(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
}
