package haproxy

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	// relistEvery is how often sessions are listed at most.
	relistEvery = 500 * time.Millisecond
	// listShare is how many times as long as a list took is waited for the next.
	listShare = 50
	// relistAtLeast is how old a list gets while there is somebody to close.
	relistAtLeast = 10 * time.Second
	// closeDelay is what a stream that was told to end may take for it.
	closeDelay = 2 * time.Second
	// mostDoubts is how often one may turn out not to be certainly the same,
	// until it is left alone.
	mostDoubts = 5
)

// list lists when what is known is too old, or nobody is left to pick: at its
// pace, but for when another process answers.
func (j *closing) list(ctx context.Context) error {
	first := j.listing.began.IsZero()
	if !first && !j.stale {
		if len(j.candidates) > 0 && time.Since(j.listing.began) < relistAtLeast {
			return nil
		}
		if err := sleep(ctx, time.Until(j.relistAt())); err != nil {
			return err
		}
	}
	l, err := j.closers.list(ctx, j.place)
	if err != nil {
		return err
	}
	if first && l.absent != nil && len(l.targets) == 0 {
		return l.absent
	}
	j.stale = false
	j.take(l, first)
	j.report(j.result)
	return nil
}

// relistAt is when listing again costs HAProxy little enough.
func (j *closing) relistAt() time.Time {
	return j.listing.began.Add(max(relistEvery, listShare*j.listing.took))
}

// take notes what there is.
func (j *closing) take(l listing, first bool) {
	before := j.candidates
	j.listing, j.candidates, j.waiting = l, nil, 0
	there := make(map[target]bool, len(l.targets))
	responses := j.Responses && !strings.HasPrefix(l.version, "2.")
	// An age is told from that of a later stream the worse, the longer a list took.
	minAge := max(j.MinAge, surelyOld+l.took)
	left := 0
	for _, t := range l.targets {
		if t.doing != tunnelling && (t.doing != responding || !responses) {
			continue
		}
		there[t.identity()] = true
		if was, ok := j.asked[t.identity()]; ok {
			// The streams of an HTTP/2 connection have one source, and the next one of
			// it the same place.
			successor := !t.age.follows(was.age, l.began.Sub(was.listed))
			switch {
			case successor:
				delete(j.asked, t.identity())
			case time.Since(was.at) < closeDelay:
				j.waiting++
				continue
			}
		}
		left++
		if j.doubts[t.identity()] >= mostDoubts {
			continue
		}
		if !t.age.known || t.age.least < minAge {
			j.waiting++
			continue
		}
		j.candidates = append(j.candidates, t)
	}
	j.settle(there)
	for t := range j.asked {
		if !there[t] {
			delete(j.asked, t)
		}
	}
	if j.all {
		for _, t := range before {
			if !there[t.identity()] {
				j.result.Gone++
			}
		}
	}
	j.sort()
	j.result.Left = left
	j.result.Listings++
	j.result.Listed = max(j.result.Listed, l.listed)
	j.result.Slowest = max(j.result.Slowest, l.took)
	if first {
		j.begin(left)
	}
}

// begin starts the pace.
func (j *closing) begin(there int) {
	j.result.Began = there
	if j.all && j.began > 0 {
		j.result.Began = j.began
	}
	total := j.result.Began
	if !j.all {
		j.quota = min(j.quota, len(j.candidates))
		total = j.quota
	}
	j.pace = newPace(time.Now(), j.start, j.over, total)
	// The first ones, too: many who are asked for one each do not close all at once.
	j.delay = j.Jitter * rand.Float64()
}

// sort puts those last that go first.
func (j *closing) sort() {
	slices.SortStableFunc(j.candidates, func(a, b target) int {
		if j.Order == Youngest {
			a, b = b, a
		}
		return cmp.Compare(a.age.least, b.age.least)
	})
}
