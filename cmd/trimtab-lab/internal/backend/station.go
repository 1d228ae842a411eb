package backend

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
)

// station runs a queue in real time: one alarm, set to the next end.
type station struct {
	epoch time.Time
	alarm *alarm.Alarm
	ran   chan struct{}

	mu     sync.Mutex
	queue  queue
	number uint64
	// armed is the instant that the alarm is set to, +Inf for none.
	armed float64
	late  *hdrhistogram.Histogram
	meter meter
	count counts
}

// counts are what has been since the start.
type counts struct {
	served, failed, sockets   uint64
	messages, failedMessages  uint64
	openRequests, openSockets int
}

// closedSockets is how many sockets have ended.
func (c *counts) closedSockets() uint64 { return c.sockets - uint64(c.openSockets) }

// maxLate is the largest lateness that is told apart from a larger one.
const maxLate = 10 * time.Second

func newLateness() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLate.Microseconds(), 3)
}

func newStation(cores, speed float64, window time.Duration) (*station, error) {
	a, err := alarm.New()
	if err != nil {
		return nil, err
	}
	s := &station{
		epoch: time.Now(), alarm: a, ran: make(chan struct{}),
		queue: queue{cores: cores, speed: speed},
		armed: math.Inf(1),
		late:  newLateness(),
		meter: meter{window: window.Seconds()},
	}
	go s.run()
	return s, nil
}

func (s *station) run() {
	defer close(s.ran)
	for s.alarm.Wait() == nil {
		s.mu.Lock()
		s.armed = math.Inf(1)
		s.settle()
		s.arm()
		s.mu.Unlock()
	}
}

func (s *station) close() {
	_ = s.alarm.Close()
	<-s.ran
}

// do takes a demand's time and returns the exact instant at which it is served.
// When ctx is done before, the work left over is dropped.
func (s *station) do(ctx context.Context, demand float64) (time.Time, error) {
	if demand <= 0 {
		return time.Now(), ctx.Err()
	}
	s.mu.Lock()
	s.settle()
	s.number++
	j := s.queue.add(demand, s.number)
	s.arm()
	s.mu.Unlock()

	select {
	case <-j.finished:
		late := time.Since(s.epoch) - j.ended
		s.mu.Lock()
		_ = s.late.RecordValue(min(late, maxLate).Microseconds())
		s.mu.Unlock()
		return s.epoch.Add(j.ended), nil
	case <-ctx.Done():
		s.mu.Lock()
		s.settle()
		s.queue.remove(j)
		s.arm()
		s.mu.Unlock()
		return time.Time{}, ctx.Err()
	}
}

// settle brings the queue up to now. The caller holds mu, as for arm.
func (s *station) settle() {
	for _, j := range s.queue.advance(time.Since(s.epoch).Seconds()) {
		close(j.finished)
	}
	s.meter.keep(s.point())
}

// arm sets the alarm to the next end, if it is not set to that already.
func (s *station) arm() {
	next := s.queue.nextEnd()
	if next == s.armed || math.IsInf(next, 1) {
		return
	}
	s.armed = next
	s.alarm.Set(time.Until(s.epoch.Add(time.Duration(math.Ceil(next * 1e9)))))
}

func (s *station) set(cores, speed float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.queue.cores, s.queue.speed = cores, speed
	s.arm()
}

// tally changes the counts.
func (s *station) tally(change func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	change(&s.count)
	s.arm()
}

// point is the state of what grows, as of the last settle.
func (s *station) point() point {
	c := &s.count
	return point{
		at: s.queue.now, busy: s.queue.busy,
		done: float64(c.served + c.failed + c.closedSockets()), failed: float64(c.failed),
	}
}

// takeLate returns how late replies left since the last call.
func (s *station) takeLate() *hdrhistogram.Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.late
	s.late = newLateness()
	return late
}
