package emitter

import "testing"

// FuzzPacked pushes arbitrary bytes. The emitter must neither panic nor hang, each event
// must be handled or reported, and no event may be left. If the same bytes are pushed to
// a full queue, the lost events must be those that were handled before.
func FuzzPacked(f *testing.F) {
	f.Add(uint16(3), run(1, "a", "b", "a").Packed)
	f.Add(uint16(9), []byte{2, 1, 'a', 0, 3, 9, 'x', 'y', 0x81, 0x00})
	f.Fuzz(func(t *testing.T, count uint16, b []byte) {
		e := New(Config{
			QueueEvents: 1, CrowdedEvents: 4, SlowAfter: -1,
			OnPanic: func(_ string, value any, _ []byte) { t.Error(value) },
		})
		defer e.Close()
		var heard, lost Lost
		e.config.OnDrop = func(l Lost) { lost = l }
		e.OnAny(func(ev *Event) error {
			if heard.Events == 0 {
				heard.First, heard.Name = ev.Seq, ev.Name
			}
			heard.Last = ev.Seq
			heard.Events++
			heard.Bytes += len(ev.Name) + len(ev.Payload)
			e.Hold() // an interrupt after each event
			e.Release()
			return nil
		})
		e.running = true // this goroutine acts as the runner, so that runs of the fuzzer are reproducible
		pushed := Run{Seq: 1, Count: int(count), Packed: b}
		e.Push(pushed)
		e.run()
		s := e.Stats()
		if s.Queued != 0 || s.QueuedBytes != 0 || s.Delivered > uint64(count) || uint64(heard.Events)+s.Errors > s.Delivered {
			t.Errorf("%+v, %+v", heard, s)
		}

		want := heard
		e.running = true
		e.Push(pushed)
		e.Push(event("last", 1<<20))
		e.run()
		if count == 0 {
			return
		}
		if lost != want {
			t.Errorf("lost %+v, want %+v", lost, want)
		}
	})
}
