package config

import (
	"net/netip"
	"time"
)

// Redirect is an HTTP gateway that tells clients which backend to go to. The backends
// of a pool with this target have addresses.
type Redirect struct {
	// Listen is host:port.
	Listen string `yaml:"listen"`
	// TLS is its certificate; nil for plain text. A reload changes it for connections to
	// come.
	TLS *KeyPair `yaml:"tls,omitempty"`
	// CORS says which pages may ask by script; nil for none but those of the gateway's
	// own address.
	CORS *CORS `yaml:"cors,omitempty"`
	// URL is where clients are sent, with the placeholders {address}, {host}, {port},
	// {name} and, at the end, {path}. Default http://{address}{path}.
	URL string `yaml:"url"`
	// Answer is how: auto is JSON for who accepts that, else a redirect.
	Answer string `yaml:"answer" oneof:"auto|redirect|json"`
	// Key sends who has the same one to the same backend: cookie:NAME, header:NAME,
	// query:NAME or client. Empty: nobody.
	Key string `yaml:"key,omitempty"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies,omitempty"`
	// RetryAfter is when those should ask again who were sent nowhere, 1 s to 10 m.
	// Default 5 s.
	RetryAfter time.Duration `yaml:"retry_after"`
	Placement  `yaml:",inline"`
	RateLimit  RateLimit `yaml:"rate_limit"`
}

// KeyPair is a server's certificate. The files are read again when they change.
type KeyPair struct {
	// Cert and Key are the paths of PEM files.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// CORS lets pages of other sites read answers in a browser.
type CORS struct {
	// Origins are the sites', such as https://app.example.org; * is all. Browsers send
	// the cookie of a key for those that are named.
	Origins []string `yaml:"origins"`
}

// DNS is a zone whose name server answers with the backend to use now. The backends
// of a pool with this target have IP addresses.
type DNS struct {
	// Listen is host:port, for UDP and TCP. Pools may share it.
	Listen string `yaml:"listen"`
	// Name is the zone's.
	Name string `yaml:"name"`
	// TTL is how long answers may be kept, whole seconds from 1 s to 1 h. Default 5 s.
	TTL time.Duration `yaml:"ttl"`
	// Service is below which name SRV records are. Default _http._tcp.
	Service string `yaml:"service"`
	// NameServers are the zone's, with their addresses where they are in it; an
	// address is empty for others. Default: ns below the zone's name, at the address
	// that is listened on.
	NameServers map[string]string `yaml:"name_servers,omitempty"`
	// Clients is how many follow one answer, at least 1. Default 1.
	Clients   float64 `yaml:"clients"`
	Placement `yaml:",inline"`
	RateLimit RateLimit `yaml:"rate_limit"`
}

// Placement is how clients are placed who ask trimtab itself.
type Placement struct {
	// Fronts is how many trimtabs give clients to the same backends, this one
	// included. Default 1.
	Fronts int `yaml:"fronts"`
	// Balance is what is made even: load (utilization) or score. Default load.
	Balance string `yaml:"balance" oneof:"load|score"`
	// Bound is how many times its share a backend may have before a client with a
	// key is sent elsewhere, above 1; ten clients for each backend are a share at
	// least. Default 1.25.
	Bound float64 `yaml:"bound"`
	// Full is the utilization from which on a backend gets no more clients; 0 for
	// never. Default 0.95.
	Full float64 `yaml:"full"`
}

// Values of [Placement.Balance].
const (
	BalanceLoad  = "load"
	BalanceScore = "score"
)

// RateLimit bounds how often one client, or one network, is answered.
type RateLimit struct {
	// PerSecond is the average; 0 is without limit. Burst is how many at once.
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"`
	// Exempt are the networks without a limit.
	Exempt []string `yaml:"exempt,omitempty"`
}

// TrustedPrefixes are the networks of TrustedProxies, which have been validated.
func (r *Redirect) TrustedPrefixes() []netip.Prefix { return prefixes(r.TrustedProxies) }

// Origins are those whose pages may ask.
func (r *Redirect) Origins() []string {
	if r.CORS == nil {
		return nil
	}
	return r.CORS.Origins
}

// ExemptPrefixes are the networks of Exempt, which have been validated.
func (r *RateLimit) ExemptPrefixes() []netip.Prefix { return prefixes(r.Exempt) }

// NameServerAddresses are the addresses of NameServers, which have been validated; not
// valid for those without one.
func (d *DNS) NameServerAddresses() map[string]netip.Addr {
	out := make(map[string]netip.Addr, len(d.NameServers))
	for name, text := range d.NameServers {
		address, _ := netip.ParseAddr(text) // "" is not valid, as it should be
		out[name] = address
	}
	return out
}

func (r *Redirect) setDefaults() {
	r.URL, r.Answer = "http://{address}{path}", "auto"
	r.RetryAfter = 5 * time.Second
	r.RateLimit.PerSecond, r.RateLimit.Burst = 10, 50
}

func (d *DNS) setDefaults() {
	d.TTL, d.Service = 5*time.Second, "_http._tcp"
	d.Clients = 1
	d.RateLimit.PerSecond, d.RateLimit.Burst = 200, 400
}

func (p *Placement) setDefaults() {
	p.Fronts, p.Balance = 1, BalanceLoad
	p.Bound, p.Full = 1.25, 0.95
}
