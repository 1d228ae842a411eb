package config

import (
	"slices"
	"time"
)

// From says where a pool's backends come from when they are not listed. Exactly one
// of its fields is set.
type From struct {
	// Word is haproxy: what the HAProxy targets have.
	Word string  `yaml:"-" word:"true" oneof:"haproxy"`
	DNS  *Lookup `yaml:"dns,omitempty"`
	File *File   `yaml:"file,omitempty"`
}

// FromHAProxy is the word for what the HAProxy targets have.
const FromHAProxy = "haproxy"

// MarshalYAML writes the word, or else what there is.
func (f From) MarshalYAML() (any, error) {
	if f.Word != "" {
		return f.Word, nil
	}
	type plain From
	return plain(f), nil
}

// Discovered is true where neither the file nor a proxy says who is in the pool.
func (p *Pool) Discovered() bool { return p.From != nil && (p.From.DNS != nil || p.From.File != nil) }

// steersHAProxy is true where a HAProxy among the targets tells where backends are.
func (p *Pool) steersHAProxy() bool {
	return slices.ContainsFunc(p.Targets, func(t Target) bool { return t.HAProxy != nil })
}

// tellsAddresses is true where a target tells others where backends are.
func (p *Pool) tellsAddresses() bool {
	return slices.ContainsFunc(p.Targets, func(t Target) bool {
		return t.Envoy != nil || t.GRPC != nil || t.Redirect != nil || t.DNS != nil
	})
}

// Lookup is backends that are looked up in DNS. A text in its place is the name.
type Lookup struct {
	// Name is a full one; no search list is gone through.
	Name string `yaml:"name" word:"true"`
	// Type is srv, or address for A and AAAA. Default: srv for a name that begins with
	// _, address for any other.
	Type string `yaml:"type" oneof:"srv|address"`
	// Port is that of addresses.
	Port int `yaml:"port,omitempty"`
	// Server is the host:port of the resolver to ask. Default: those of
	// /etc/resolv.conf.
	Server string `yaml:"server,omitempty"`
	// Period is the longest time between two looks, whatever the TTL. Default 30 s.
	Period time.Duration `yaml:"period"`
}

// Values of [Lookup.Type].
const (
	TypeSRV     = "srv"
	TypeAddress = "address"
)

// File is backends in a file in Prometheus' file_sd format. A text in its place is
// the path.
type File struct {
	// Path ends in .json for JSON; anything else is YAML.
	Path string `yaml:"path" word:"true"`
	// Period is the longest time between two looks. Default 30 s.
	Period time.Duration `yaml:"period"`
}
