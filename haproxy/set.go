package haproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	// maxPulse bounds how long Apply takes for a pulse.
	maxPulse = 800 * time.Millisecond
	// closeTimeout is what putting a pulse's weights back may take, whatever
	// became of the caller's context.
	closeTimeout = 2 * firstReplyTimeout
)

// change is one weight to set; for a pulse it is set to 0 again after it.
type change struct {
	server string
	weight int
	pulse  time.Duration
}

// maxShown is how many refused servers an error names.
const maxShown = 3

// set sends weights in one exchange. Every refusal is an error that names its
// server; the others are in force all the same.
func (b *Backend) set(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	commands := make([]string, len(changes))
	for i, c := range changes {
		if err := checkName("server", c.server); err != nil {
			return fmt.Errorf("%s: backend %s: %w", b.proxy.session.name, b.name, err)
		}
		commands[i] = "set server " + b.name + "/" + c.server + " weight " + strconv.Itoa(c.weight)
	}
	done := make([]bool, len(changes))
	var errs []error
	failed := 0
	at, err := b.proxy.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if len(text) == 0 {
			done[i] = true
			return nil
		}
		refusal := refused(commands[i], text)
		b.following.fixed = b.following.fixed || errors.Is(refusal, ErrStaticAlgorithm)
		if failed++; failed <= maxShown {
			errs = append(errs, fmt.Errorf("%s: %w", b.proxy.session.name, refusal))
		}
		return nil
	})
	for i, c := range changes {
		b.following.touched[c.server] = true
		if done[i] {
			b.following.sent[c.server] = setting{c.weight, at}
			delete(b.following.foreign, c.server)
		} else {
			// It may or may not have arrived: the next poll tells.
			delete(b.following.sent, c.server)
		}
	}
	if failed > maxShown {
		errs = append(errs, fmt.Errorf("and %d more servers", failed-maxShown))
	}
	return errors.Join(append(errs, err)...)
}

// pulse lets each server have its weight for its time. Whatever happens, they
// are set to 0 again.
func (b *Backend) pulse(ctx context.Context, pulses []change) error {
	if len(pulses) == 0 {
		return nil
	}
	slices.SortFunc(pulses, func(a, c change) int { return cmp.Compare(a.pulse, c.pulse) })
	err := b.set(ctx, pulses)
	began := time.Now()
	for len(pulses) > 0 {
		pause(ctx, pulses[0].pulse-time.Since(began))
		var over []change
		for len(pulses) > 0 && (ctx.Err() != nil || pulses[0].pulse <= time.Since(began)) {
			over = append(over, change{server: pulses[0].server})
			pulses = pulses[1:]
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		err = errors.Join(err, b.set(closing, over))
		cancel()
	}
	return err
}
