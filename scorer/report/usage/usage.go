package usage

import (
	"fmt"
	"math"
	"time"
)

// Usage is what is in use, as shares of what there is: 1 is full. CPU may exceed
// 1 by as much as clocks differ. A share that is not known is NaN.
type Usage struct{ CPU, Memory float64 }

// Reader reads the usage of one cgroup, process or machine. Its methods must not
// be called concurrently.
type Reader struct {
	name string
	read func(now time.Time) (Usage, error)
}

// Read returns the processor's usage since the call before, which the first call
// does not know, and the memory's as of now. An error means that neither could
// be read, for example because the process has ended.
func (r *Reader) Read(now time.Time) (Usage, error) {
	u, err := r.read(now)
	if err != nil {
		return Usage{math.NaN(), math.NaN()}, fmt.Errorf("usage of %s: %w", r.name, err)
	}
	return u, nil
}

// String says what is read, for example "cgroup /sys/fs/cgroup/web.service".
func (r *Reader) String() string { return r.name }

// Own is for the process that calls it: its cgroup, where that is one of version
// 2 and not the root, so that children of the process and its limits count; the
// process itself otherwise.
func Own() *Reader {
	if r, err := ownCgroup(procRoot); err == nil {
		return r
	}
	return ownProcess(procRoot)
}

// procRoot is where Linux shows processes.
const procRoot = "/proc"

// growth is the use of something that is counted in processor time.
type growth struct {
	used  time.Duration
	at    time.Time
	known bool
}

// cores is how many processors were kept busy since the last call, NaN at first.
func (g *growth) cores(used time.Duration, now time.Time) float64 {
	last := *g
	*g = growth{used, now, true}
	elapsed := now.Sub(last.at)
	if !last.known || elapsed <= 0 || used < last.used {
		return math.NaN()
	}
	return float64(used-last.used) / float64(elapsed)
}

// larger is the larger of two numbers; one that is not known does not count.
func larger(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}
