package source

import (
	"maps"
	"strings"
	"time"
)

// BackendStatus is how the polls of one backend go, or its streams, each of
// which counts as a poll. It is a copy.
type BackendStatus struct {
	Backend string
	// Polled is false before the first poll.
	Polled bool
	// Failing is true while the newest poll failed, LastError why.
	Failing   bool
	LastError string
	// Polls, Failures and Reports count since the backend was added. Late
	// counts the polls that failed because trimtab itself was held up; they
	// are no failures of the backend.
	Polls, Failures, Reports, Late uint64
	// Every is the time between the two newest reports of a stream, which the
	// backend may choose to be longer than what it was asked for; 0 before the
	// second and for polls.
	Every time.Duration
	// Dropped counts the values left out of reports, by reason.
	Dropped map[Reason]uint64
}

func (s BackendStatus) clone() BackendStatus {
	s.Dropped = maps.Clone(s.Dropped)
	return s
}

// Reason is why a value was left out of a report.
type Reason string

const (
	// NotANumber is text where a number belongs, NaN or infinity.
	NotANumber Reason = "not_a_number"
	// Negative is below 0.
	Negative Reason = "negative"
	// Percent is a utilization so high that it must have been given in percent.
	Percent Reason = "percent"
	// Ambiguous is a selector that fits several series which cannot be added.
	Ambiguous Reason = "ambiguous"
	// Missing is a metric that was configured and is not on the page.
	Missing Reason = "missing"
	// TooMany is a named metric beyond the first 256.
	TooMany Reason = "too_many"
)

// drop is one value that was left out.
type drop struct {
	signal string
	reason Reason
	hint   string
}

// describe says in words what was left out; the first few say enough.
func describe(drops []drop) string {
	var words []string
	for _, d := range drops[:min(len(drops), 3)] {
		word := d.signal + " is " + strings.ReplaceAll(string(d.reason), "_", " ")
		if d.hint != "" {
			word += " (" + d.hint + ")"
		}
		words = append(words, word)
	}
	if len(drops) > 3 {
		words = append(words, "…")
	}
	return strings.Join(words, ", ")
}
