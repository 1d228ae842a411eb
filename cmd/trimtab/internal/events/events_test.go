package events

import (
	"fmt"
	"sync"
	"testing"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestTheNewestAreKept(t *testing.T) {
	l := New()
	for i := range 5*Kept + 7 {
		l.Add(tuner.Event{Kind: tuner.EventState, Text: fmt.Sprint(i + 1)})
	}
	last := uint64(5*Kept + 7)
	for _, test := range []struct{ since, first, count uint64 }{
		{0, last - Kept + 1, Kept},
		{last - 3, last - 2, 3},
		{last, 0, 0},
		{last + 99, last - Kept + 1, Kept}, // of before a restart
	} {
		got, _ := l.Since(test.since)
		if uint64(len(got)) != test.count {
			t.Fatalf("since %d: %d events, want %d", test.since, len(got), test.count)
		}
		for i, e := range got {
			if want := test.first + uint64(i); e.ID != want || e.Text != fmt.Sprint(want) || e.At.IsZero() {
				t.Fatalf("since %d: event %d is %+v", test.since, i, e)
			}
		}
	}
}

func TestReadersMissNothing(t *testing.T) {
	l := New()
	const total = 500
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for seen := uint64(0); seen < total; {
				got, more := l.Since(seen)
				for _, e := range got {
					if e.ID != seen+1 {
						t.Errorf("event %d after %d", e.ID, seen)
					}
					seen = e.ID
				}
				if len(got) == 0 {
					<-more
				}
			}
		})
	}
	for range total {
		l.Add(tuner.Event{})
	}
	group.Wait()
}
