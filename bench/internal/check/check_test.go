package check

import (
	"slices"
	"testing"
)

// carry sends k messages from node 0 to node 1 of two. do changes them on the way.
func carry(k int, do func([]Message) []Message) Counts {
	l := NewLedger(2, 128)
	var list []Message
	for range k {
		m := l.Next(0, 7)
		l.Sent(0)
		m.Body = slices.Clone(m.Body)
		list = append(list, m)
	}
	for _, m := range do(list) {
		l.ReceiveBytes(1, m.Append(nil))
	}
	return l.Counts()
}

func TestTheLedgerCatches(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func([]Message) []Message
		want Counts
	}{
		{"nothing", func(l []Message) []Message { return l }, Counts{Sent: 10, Delivered: 10}},
		{"a loss", func(l []Message) []Message { return slices.Delete(l, 3, 4) }, Counts{Sent: 10, Delivered: 9, Skipped: 1}},
		{"a loss at the end", func(l []Message) []Message { return l[:8] }, Counts{Sent: 10, Delivered: 8, Absent: 2}},
		{"a loss at the start", func(l []Message) []Message { return l[5:] }, Counts{Sent: 10, Delivered: 5, Skipped: 5}},
		{"a second copy", func(l []Message) []Message { return slices.Insert(l, 5, l[2]) }, Counts{Sent: 10, Delivered: 10, Doubled: 1}},
		{"a swap", func(l []Message) []Message { l[3], l[4] = l[4], l[3]; return l }, Counts{Sent: 10, Delivered: 10, Reordered: 1}},
		{"all backwards", func(l []Message) []Message { slices.Reverse(l); return l }, Counts{Sent: 10, Delivered: 10, Reordered: 9}},
		{"late, and twice", func(l []Message) []Message {
			late := l[3]
			return append(slices.Delete(l, 3, 4), late, late)
		}, Counts{Sent: 10, Delivered: 10, Reordered: 1, Doubled: 1}},
		{"a changed byte", func(l []Message) []Message { l[9].Body[17] ^= 1; return l }, Counts{Sent: 10, Delivered: 9, Absent: 1, Corrupt: 1}},
		{"a cut body", func(l []Message) []Message { l[9].Body = l[9].Body[:5]; return l }, Counts{Sent: 10, Delivered: 9, Absent: 1, Corrupt: 1}},
		{"a changed sender", func(l []Message) []Message { l[9].From = 5; return l }, Counts{Sent: 10, Delivered: 9, Absent: 1, Corrupt: 1}},
		{"a changed number", func(l []Message) []Message { l[9].Seq = 1 << 60; return l }, Counts{Sent: 10, Delivered: 9, Absent: 1, Corrupt: 1}},
	} {
		if got := carry(10, test.do); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestWhatIsTooShortIsCorrupt(t *testing.T) {
	l := NewLedger(2, 128)
	l.ReceiveBytes(1, []byte("short"))
	if got := l.Counts(); got != (Counts{Corrupt: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestAnEchoIsNoDelivery(t *testing.T) {
	l := NewLedger(2, 128)
	l.Receive(0, l.Next(0, 0))
	if got := l.Counts(); got != (Counts{}) {
		t.Errorf("got %+v", got)
	}
}

func TestAMessageSurvivesItsBytes(t *testing.T) {
	l := NewLedger(300, 64<<10)
	want := l.Next(257, -5)
	b := want.Append(nil)
	if len(b) != 64<<10 {
		t.Errorf("%d bytes, want 64 KiB", len(b))
	}
	got, err := Parse(b)
	if err != nil || got.From != 257 || got.At != -5 || !slices.Equal(got.Body, want.Body) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheSlowestReceiver(t *testing.T) {
	l := NewLedger(3, 64)
	for range 4 {
		m := l.Next(0, 0)
		l.Sent(0)
		l.Receive(1, m)
		if m.Seq < 2 {
			l.Receive(2, m)
		}
	}
	if got := l.SlowestOf(0, nil); got != 2 {
		t.Errorf("slowest at %d, want 2", got)
	}
	if got := l.SlowestOf(0, func(to int) bool { return to == 2 }); got != 4 {
		t.Errorf("without node 2: slowest at %d, want 4", got)
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	l := NewLedger(2, 128)
	b := make([]byte, 0, 128)
	if got := testing.AllocsPerRun(100, func() {
		m := l.Next(0, 0)
		l.Sent(0)
		l.ReceiveBytes(1, m.Append(b))
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// FuzzParse: the ledger counts any bytes that arrive, and does not panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(NewLedger(2, 64).Next(1, 1).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := NewLedger(3, 64)
		l.ReceiveBytes(0, b)
		l.ReceiveBytes(0, b)
		if c := l.Counts(); c.Delivered > c.Corrupt+l.next[1].Load()+l.next[2].Load() {
			t.Errorf("%x counts as %+v", b, c)
		}
	})
}

// BenchmarkReceive measures the cost of the check for each delivery among 100 nodes: each of
// 512 messages of one sender arrives at every receiver in turn.
func BenchmarkReceive(b *testing.B) {
	const n, batch = 100, 512
	l := NewLedger(n, 128)
	var list [batch][]byte
	i, to := batch, n
	for b.Loop() {
		if i == batch {
			i = 0
			if to++; to >= n {
				to = 1
				for j := range list {
					list[j] = l.Next(0, 0).Append(list[j][:0])
					l.Sent(0)
				}
			}
		}
		l.ReceiveBytes(to, list[i])
		i++
	}
}
