package recording

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Set changes one setting of a pool, given as in its configuration with the path as
// one word: limits.deadband=0.1. What 0 means is what it means there.
func Set(c *scorer.Config, assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("%q: want KEY=VALUE, such as limits.deadband=0.1", assignment)
	}
	if err := set(c, key, value); err != nil {
		return fmt.Errorf("%s: %w", assignment, err)
	}
	return nil
}

// The least positive values stand for 0 where the scorer takes 0 for its default.
func set(c *scorer.Config, key, value string) error {
	l := &c.Limits
	switch key {
	case "kind":
		c.Kind = scorer.Kind(value)
	case "law":
		c.Law = value
	case "limits.floor":
		return setNumber(&l.Floor, value, 0)
	case "limits.ceiling":
		return setNumber(&l.Ceiling, value, 0)
	case "limits.step":
		return setNumber(&l.Step, value, 0)
	case "limits.deadband":
		return setNumber(&l.Deadband, value, math.SmallestNonzeroFloat64)
	case "limits.max_ejected":
		return setNumber(&l.MaxEjected, value, -1)
	case "limits.stale_after":
		return setDuration(&l.StaleAfter, value, 0)
	case "limits.slow_start":
		return setDuration(&l.SlowStart, value, -1)
	case "score.window":
		return setDuration(&c.Score.Window, value, 0)
	default:
		signal, ok := strings.CutPrefix(key, "score.")
		if !ok || signal == "" {
			return errors.New("no such setting: there are kind, law, limits.{floor, ceiling, step, deadband, stale_after, slow_start, max_ejected}, score.window and score.SIGNAL")
		}
		coefficient, err := strconv.ParseFloat(value, 64)
		if err != nil || !(coefficient >= 0) {
			return errors.New("want a number, at least 0")
		}
		c.Score.Coefficients = maps.Clone(c.Score.Coefficients)
		if c.Score.Coefficients == nil {
			c.Score.Coefficients = map[string]float64{}
		}
		c.Score.Coefficients[signal] = coefficient
	}
	return nil
}

// setNumber takes a number; zero stands for 0, and 0 where that cannot be had.
func setNumber(to *float64, value string, zero float64) error {
	number, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil || number < 0 || math.IsNaN(number) || math.IsInf(number, 0):
		return errors.New("want a number, not below 0")
	case number == 0 && zero == 0:
		return errors.New("must be above 0")
	case number == 0:
		number = zero
	}
	*to = number
	return nil
}

// setDuration is setNumber for durations.
func setDuration(to *time.Duration, value string, zero time.Duration) error {
	parsed, err := time.ParseDuration(value)
	switch {
	case err != nil || parsed < 0:
		return errors.New("want a duration such as 10s")
	case parsed == 0 && zero == 0:
		return errors.New("must be above 0")
	case parsed == 0:
		parsed = zero
	}
	*to = parsed
	return nil
}
