package report

import (
	"fmt"
	"maps"
	"strings"
	"sync"
)

const (
	// maxNamed is as many as trimtab takes from one backend, less those that a
	// Reporter adds.
	maxNamed = 250
	// maxName keeps headers of responses small.
	maxName = 128
)

// named holds the application's own metrics.
type named struct {
	mu     sync.Mutex
	values map[string]float64
}

// set changes a metric; one that cannot be reported is withdrawn.
func (n *named) set(name string, v float64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !usable(v) {
		delete(n.values, name)
		return nil
	}
	if err := checkName(name); err != nil {
		return fmt.Errorf("named metric %.40q: %w", name, err)
	}
	if _, known := n.values[name]; !known && len(n.values) >= maxNamed {
		return fmt.Errorf("named metric %s: there are %d already", name, maxNamed)
	}
	if n.values == nil {
		n.values = map[string]float64{}
	}
	n.values[name] = v
	return nil
}

// into adds the metrics to a map.
func (n *named) into(out map[string]float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(out, n.values)
}

// checkName refuses what a header could not carry.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("want 1 to %d characters", maxName)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`,="\`, r) }) {
		return fmt.Errorf(`want printable ASCII without blanks, commas, =, " and \`)
	}
	return nil
}
