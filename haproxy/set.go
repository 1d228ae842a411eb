package haproxy

import (
	"cmp"
	"context"
	"errors"
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

// set sends weights in one exchange and notes what became of each.
func (b *Backend) set(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	commands := make([]string, len(changes))
	for i, c := range changes {
		address, err := b.address(c.server)
		if err != nil {
			return err
		}
		commands[i] = "set server " + address + " weight " + strconv.Itoa(c.weight)
	}
	done := make([]bool, len(changes))
	at, err := b.tell(ctx, commands, func(i int) { done[i] = true })
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
	return err
}

// pulse lets each server have its weight for its time. Whatever happens, they
// are set to 0 again; at once when a new process has to be given its weights.
func (b *Backend) pulse(ctx context.Context, pulses []change) error {
	if len(pulses) == 0 {
		return nil
	}
	slices.SortFunc(pulses, func(a, c change) int { return cmp.Compare(a.pulse, c.pulse) })
	select {
	case <-b.renewed: // an old one
	default:
	}
	err := b.set(ctx, pulses)
	began := time.Now()
	for len(pulses) > 0 {
		end := !b.waitPulse(ctx, pulses[0].pulse-time.Since(began))
		var over []change
		for len(pulses) > 0 && (end || pulses[0].pulse <= time.Since(began)) {
			over = append(over, change{server: pulses[0].server})
			pulses = pulses[1:]
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		err = errors.Join(err, b.set(closing, over))
		cancel()
	}
	return err
}

// waitPulse waits and reports whether the pulses after it may go on.
func (b *Backend) waitPulse(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-b.renewed:
		return false
	case <-timer.C:
		return true
	}
}
