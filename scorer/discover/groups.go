package discover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/scorer"
)

// group is a target group of Prometheus' file_sd format.
type group struct {
	Targets []string          `json:"targets" yaml:"targets"`
	Labels  map[string]string `json:"labels" yaml:"labels"`
}

// metaPrefix is before labels that are for trimtab alone: Prometheus drops labels
// that begin with __ after relabelling.
const metaPrefix = "__meta_trimtab_"

// maxBackends is more than any pool has.
const maxBackends = 10_000

// Parse reads target groups in Prometheus' file_sd format, as JSON or, being a
// superset of it, YAML:
//
//	[{"targets": ["10.0.0.1:8080"], "labels": {"name": "web1", "capacity": "8"}}]
//
// A target is what Prometheus calls __address__: the host:port of a backend. Of the
// labels, these mean something; each may have __meta_trimtab_ before it, which counts
// more than the one without:
//
//	name      the backend's name in its pool, for a group with one target;
//	          without it, the address
//	capacity  its strength relative to the others, above 0; without it, 1
//	port      the port of targets that have none
//
// All other labels are Prometheus' own and are not looked at. The list is sorted by
// name. One thing that is wrong makes the whole of it wrong: half a list would look
// like backends that have left.
func Parse(data []byte, isJSON bool) ([]scorer.Backend, error) {
	var groups []group
	if err := decode(data, isJSON, &groups); err != nil {
		return nil, err
	}
	var out []scorer.Backend
	for i := range groups {
		list, err := groups[i].backends()
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", i+1, err)
		}
		out = append(out, list...)
	}
	out = sorted(out)
	for i := 1; i < len(out); i++ {
		if out[i].Name == out[i-1].Name {
			return nil, fmt.Errorf("two targets are named %q", out[i].Name)
		}
	}
	switch {
	case len(out) == 0:
		return nil, errEmpty
	case len(out) > maxBackends:
		return nil, fmt.Errorf("%d targets: at most %d", len(out), maxBackends)
	}
	return out, nil
}

var errEmpty = errors.New("there is no target in it")

func decode(data []byte, isJSON bool, groups *[]group) error {
	if isJSON {
		in := json.NewDecoder(bytes.NewReader(data))
		in.DisallowUnknownFields()
		if err := in.Decode(groups); err != nil {
			return fmt.Errorf("not target groups as JSON: %w", err)
		}
		if _, err := in.Token(); !errors.Is(err, io.EOF) {
			return errors.New("not target groups as JSON: something follows after the list")
		}
		return nil
	}
	if err := yaml.Load(data, groups, yaml.WithKnownFields()); err != nil {
		return fmt.Errorf("not target groups as YAML: %w", err)
	}
	return nil
}

func (g *group) label(name string) string { return cmp.Or(g.Labels[metaPrefix+name], g.Labels[name]) }

// nameForm is what may be in a name: that of a HAProxy server, and addresses.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_.:\[\]%-]+$`)

func (g *group) backends() ([]scorer.Backend, error) {
	capacity := 1.0
	if text := g.label("capacity"); text != "" {
		var err error
		if capacity, err = strconv.ParseFloat(text, 64); err != nil || !(capacity > 0) || math.IsInf(capacity, 0) {
			return nil, fmt.Errorf("label capacity: %q is not a number above 0", text)
		}
	}
	name := g.label("name")
	if name != "" && len(g.Targets) > 1 {
		return nil, fmt.Errorf("label name: %q for %d targets: give each a group of its own", name, len(g.Targets))
	}
	var out []scorer.Backend
	for _, target := range g.Targets {
		address, err := withPort(target, g.label("port"))
		if err != nil {
			return nil, err
		}
		b := scorer.Backend{Name: cmp.Or(name, address), Address: address, Capacity: capacity}
		if !nameForm.MatchString(b.Name) {
			return nil, fmt.Errorf("%q is not a name: letters, digits, - _ . and : only", b.Name)
		}
		out = append(out, b)
	}
	return out, nil
}

// withPort checks host:port, with a port to fall back to.
func withPort(target, port string) (string, error) {
	host, own, err := net.SplitHostPort(target)
	if err != nil && port != "" {
		host, own = target, port
		if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
			host = host[1 : n-1]
		}
		err = nil
	}
	if err != nil || host == "" || !nameForm.MatchString(host) {
		return "", fmt.Errorf("target %q: want host:port, or host with the label port", target)
	}
	if n, err := strconv.ParseUint(own, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("target %q: %q is not a port", target, own)
	}
	return net.JoinHostPort(host, own), nil
}
