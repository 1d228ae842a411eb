package loadstats

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Of each origin the reader gets the newest, in the order in which they came and
// the origins began to wait, and memory is bounded by the origins that are there.
func TestMailboxKeepsTheNewestOfEachOrigin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMailbox()
		newest := map[string][]float64{}
		var order []string
		var room []scorer.Report
		count := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			origin := fmt.Sprint("lrs:", rapid.IntRange(0, 3).Draw(t, "origin"))
			if rapid.Bool().Draw(t, "put") {
				count++
				m.put(origin, []scorer.Report{{Origin: origin, InFlight: count}})
				if newest[origin] == nil {
					order = append(order, origin)
				}
				if len(newest[origin]) == maxPeriods {
					newest[origin] = nil
				}
				newest[origin] = append(newest[origin], count)
				continue
			}
			got, ok := m.take(room)
			room = got
			if ok != (len(order) > 0) {
				t.Fatalf("a batch: %v, want one of %v", ok, order)
			}
			if !ok {
				continue
			}
			var counts []float64
			for i := range got {
				counts = append(counts, got[i].InFlight)
			}
			if !slices.Equal(counts, newest[order[0]]) || got[0].Origin != order[0] {
				t.Fatalf("batch %+v, want %v of %s", got, newest[order[0]], order[0])
			}
			delete(newest, order[0])
			order = order[1:]
		}
		for i := range 4 {
			m.forget(fmt.Sprint("lrs:", i))
		}
		if len(m.batches) != 0 || len(m.waiting) != len(order) {
			t.Fatalf("%d batches and %d waiting, want 0 and %d", len(m.batches), len(m.waiting), len(order))
		}
	})
}

func TestAReaderThatDoesNotReadDelaysNobody(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(2)})
	stuck := newMailbox()
	s.readers.join("ws", stuck)
	from := read(t, s, "ws")
	r := connect(t, conn, envoyNode("edge-1"))
	r.send(cluster("ws"))
	for n := range uint64(200) {
		r.send(cluster("ws", endpoint(0, counts{inProgress: n})))
	}
	until(t, "200 reports are in", func() bool { return s.Status()[0].Reports == 201 })
	for {
		if got := next(t, from, 2); got["b0"].InFlight == 199 {
			break
		}
	}
	if len(stuck.waiting) != 1 {
		t.Fatalf("%d batches wait, want one", len(stuck.waiting))
	}
	waiting := stuck.waiting[0].reports
	if last := waiting[len(waiting)-2]; len(waiting) > 2*maxPeriods || last.InFlight != 199 {
		t.Errorf("%d reports wait, the last one of b0 says %v in flight; want few, and 199", len(waiting), last.InFlight)
	}
}
