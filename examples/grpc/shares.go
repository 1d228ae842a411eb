package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// shares counts calls by who answered. Its methods may be used concurrently.
type shares struct {
	mu        sync.Mutex
	answers   map[string]int
	failures  int
	lastError error
}

func newShares() *shares { return &shares{answers: map[string]int{}} }

func (s *shares) answered(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[server]++
}

func (s *shares) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	s.lastError = err
}

// take returns what has been counted since the last time, as a line.
func (s *shares) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, n := range s.answers {
		total += n
	}
	var line strings.Builder
	for _, server := range slices.Sorted(maps.Keys(s.answers)) {
		fmt.Fprintf(&line, "%s %.1f %%  ", server, 100*float64(s.answers[server])/float64(total))
	}
	fmt.Fprintf(&line, "%d answered, %d failed", total, s.failures)
	if s.lastError != nil {
		fmt.Fprintf(&line, ": %v", s.lastError)
	}
	clear(s.answers)
	s.failures, s.lastError = 0, nil
	return line.String()
}
