package simulate

import "math"

// job is work on a backend. It is kept small: heaps move it about.
type job struct {
	// at is when it is done, in the time of the heap it is in.
	at float64
	// request is its index in the trace, or, of a message, in the engine's
	// messages.
	request int32
	backend int16
	failing bool
	message bool
}

// jobs is a binary heap, the earliest first. container/heap would box every
// job.
type jobs []job

func (h *jobs) push(j job) {
	*h = append(*h, j)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= j.at {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = j
}

func (h *jobs) pop() job {
	s := *h
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].at < s[child].at {
			child++
		}
		if last.at <= s[child].at {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return first
}

// queue is a backend's work: processor sharing among its jobs. Each of n jobs
// runs at min(1, cores/n) of the speed, so all of them age alike, and a job is
// done when the common age has grown by its work.
type queue struct {
	jobs         jobs
	cores, speed float64
	// age is the work done on each job so far, at the instant at. Adding to it
	// is all it takes to work on all jobs.
	age, at float64
	// ageing is how fast age grows, using how many cores are in use.
	ageing, using float64
	// used is core-seconds.
	used float64
}

// next returns the instant at which the first job is done.
func (q *queue) next() float64 {
	if len(q.jobs) == 0 || q.ageing == 0 {
		return math.Inf(1)
	}
	return q.at + (q.jobs[0].at-q.age)/q.ageing
}

// advance works until now.
func (q *queue) advance(now float64) {
	passed := now - q.at
	q.age += passed * q.ageing
	q.used += passed * q.using
	q.at = now
}

// share divides the cores among the jobs that there are now.
func (q *queue) share() {
	n := float64(len(q.jobs))
	if n == 0 {
		q.age, q.ageing, q.using = 0, 0, 0
		return
	}
	if n <= q.cores {
		q.ageing, q.using = q.speed, n
		return
	}
	q.ageing, q.using = q.speed*q.cores/n, q.cores
}

func (q *queue) add(j job, work float64) {
	j.at = q.age + work
	q.jobs.push(j)
	q.share()
}

// finish takes out the job that next spoke of.
func (q *queue) finish(now float64) job {
	q.advance(now)
	j := q.jobs.pop()
	q.age = j.at // exactly: rounding must not build up
	q.share()
	return j
}

// abandon takes out all jobs as they are.
func (q *queue) abandon(now float64) jobs {
	q.advance(now)
	out := q.jobs
	q.jobs = nil
	q.share()
	return out
}
