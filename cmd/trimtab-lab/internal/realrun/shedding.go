package realrun

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// tellTimeout bounds a command to trimtab.
const tellTimeout = 10 * time.Second

// shed is what trimtab is told of how to even connections out, "" for nothing.
// Behind Envoy, which closes no connections of one host, that would be for naught.
func (c config) shed() string {
	s := c.scenario.Shed
	if s == nil || c.xds != "" {
		return ""
	}
	out := fmt.Sprintf("start_above: %v, stop_below: %v, rate: %.6g%%/s", s.StartAbove, s.StopBelow, 100*s.Rate)
	if c.scenario.ShedOrder == simulate.ShedYoungest {
		out += ", order: youngest"
	}
	if n := c.scenario.Trimtabs; n > 1 {
		out += fmt.Sprintf(", sharers: %d", n)
	}
	return out
}

// order has backends drained that are to be, as a person would, and undrained when
// they are back.
func (t *trimtab) order(ctx context.Context, now []simulate.Condition) error {
	var errs []error
	for i := range now {
		name, c := t.config.scenario.Backends[i].Name, &now[i]
		switch {
		case c.Draining > 0 && !t.drained[name]:
			args := []string{"drain", stack.Pool, name}
			if t.config.xds == "" {
				args = append(args, "--over", c.Draining.String())
			}
			errs = append(errs, t.tell(ctx, args...))
			t.drained[name] = true
		case !c.Out() && t.drained[name]:
			errs = append(errs, t.tell(ctx, "undrain", stack.Pool, name))
			delete(t.drained, name)
		}
	}
	return errors.Join(errs...)
}

func (t *trimtab) tell(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	args = append(args, "--addr", t.config.admin, "--who", "trimtab-lab")
	said, err := exec.CommandContext(ctx, t.program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(t.program), strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

// drains is that a backend is ever to be drained.
func drains(s *simulate.Scenario) bool {
	return ever(s, func(c *simulate.Condition) bool { return c.Draining > 0 })
}

// closes is that trimtab closes connections in the run.
func (e *entry) closes(s *simulate.Scenario) bool {
	return e.giver == byTrimtab && e.proxy.Kind != simulate.KindEnvoy && (s.Shed != nil || drains(s))
}

// able returns an error that wraps [simulate.ErrNotApplicable] where no real trimtab can
// do what the scenario asks of it.
func (o *Options) able(e *entry) error {
	s := &o.Scenario
	switch {
	case o.Trimtab == "":
		return fmt.Errorf("%w: there is no trimtab to run", simulate.ErrNotApplicable)
	case s.ViewDelay > 0:
		return fmt.Errorf("%w: a real trimtab sees the proxies as they are, not as they were %v ago", simulate.ErrNotApplicable, s.ViewDelay)
	case s.Trimtabs > 1 && e.proxy.Kind == simulate.KindEnvoy:
		return fmt.Errorf("%w: an Envoy has its endpoints from one trimtab, not from %d", simulate.ErrNotApplicable, s.Trimtabs)
	default:
		return nil
	}
}
