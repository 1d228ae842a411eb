package source

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// Selector picks series from a metrics page, in PromQL's notation: a metric
// name and, in braces, matchers on labels with =, !=, =~ and !~.
type Selector struct {
	name     string
	matchers []matcher
}

type matcher struct {
	label   string
	negated bool
	matches func(string) bool
}

var (
	selectorForm = regexp.MustCompile(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\}\s*)?$`)
	matcherForm  = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*`)
)

// ParseSelector reads a selector such as http_requests_total{code=~"5.."}.
func ParseSelector(text string) (Selector, error) {
	parts := selectorForm.FindStringSubmatch(text)
	if parts == nil {
		return Selector{}, fmt.Errorf("%q is not a metric such as name or name{label=\"value\"}", text)
	}
	s := Selector{name: parts[1]}
	for rest := strings.TrimSpace(parts[2]); rest != ""; {
		m, after, err := parseMatcher(rest)
		if err != nil {
			return Selector{}, fmt.Errorf("%q: %w", text, err)
		}
		s.matchers = append(s.matchers, m)
		if rest = strings.TrimSpace(after); rest == "" {
			break
		}
		if rest[0] != ',' {
			return Selector{}, fmt.Errorf("%q: want a comma before %q", text, rest)
		}
		rest = strings.TrimSpace(rest[1:])
	}
	return s, nil
}

func parseMatcher(text string) (m matcher, rest string, err error) {
	head := matcherForm.FindStringSubmatch(text)
	if head == nil {
		return m, "", fmt.Errorf("want label=\"value\" at %q", text)
	}
	rest = text[len(head[0]):]
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return m, "", fmt.Errorf("want a quoted value after %s%s", head[1], head[2])
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return m, "", fmt.Errorf("%s: %w", quoted, err)
	}
	m = matcher{label: head[1], negated: head[2][0] == '!', matches: func(s string) bool { return s == value }}
	if strings.HasSuffix(head[2], "~") {
		pattern, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			return m, "", fmt.Errorf("%s: %w", head[1], err)
		}
		m.matches = pattern.MatchString
	}
	return m, rest[len(quoted):], nil
}

// fits says whether a series has the labels; an absent label is empty.
func (s Selector) fits(m *dto.Metric) bool {
	for _, want := range s.matchers {
		value := ""
		for _, l := range m.GetLabel() {
			if l.GetName() == want.label {
				value = l.GetValue()
			}
		}
		if want.matches(value) == want.negated {
			return false
		}
	}
	return true
}

// seriesKey identifies a series within its family.
func seriesKey(m *dto.Metric) string {
	labels := model.LabelSet{}
	for _, l := range m.GetLabel() {
		labels[model.LabelName(l.GetName())] = model.LabelValue(l.GetValue())
	}
	return labels.String()
}
