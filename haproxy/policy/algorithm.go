package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Algorithms are what a backend can be changed to.
func Algorithms() []string { return []string{"leastconn", "random", "random(2)", "roundrobin"} }

func checkAlgorithm(name string) error {
	if !slices.Contains(Algorithms(), name) {
		return fmt.Errorf("algorithm %q: expected one of %s", name, strings.Join(Algorithms(), ", "))
	}
	return nil
}

// balances says what a balance line sets, in one spelling for each algorithm.
// HAProxy's word alone means its default, and a variable may be anything: both
// are no algorithm that could be asked for.
func (l *line) balances() string {
	if len(l.words) < 2 {
		return "balance without an algorithm"
	}
	if l.words[1].variable {
		return "the value of " + l.words[1].text
	}
	return canonical(l.words[1].text)
}

// canonical spells out the draws of random, of which two are the default.
func canonical(name string) string {
	rest, ok := strings.CutPrefix(name, "random")
	if !ok {
		return name
	}
	if rest == "" || rest == "()" {
		return "random(2)"
	}
	if inner, closed := strings.CutSuffix(rest, ")"); closed && inner[:1] == "(" {
		if draws, err := strconv.ParseInt(inner[1:], 0, 32); err == nil {
			return fmt.Sprintf("random(%d)", draws)
		}
	}
	return name
}
