package discover

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// resolvConf says which resolvers this machine asks.
const resolvConf = "/etc/resolv.conf"

const (
	// tryTimeout is how long one server has for one answer.
	tryTimeout = 2 * time.Second
	// payload is the size of UDP answers that is asked for: what passes unbroken
	// everywhere (DNS flag day 2020).
	payload = 1232
)

// resolver asks recursive DNS servers.
type resolver struct {
	// server is the only one to ask; "" means those of resolv.conf.
	server string
}

// servers are whom to ask, in turn.
func (r resolver) servers() ([]string, error) {
	if r.server != "" {
		return []string{r.server}, nil
	}
	c, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, fmt.Errorf("which servers to ask: %w", err)
	}
	var out []string
	for _, host := range c.Servers {
		out = append(out, net.JoinHostPort(host, c.Port))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s names no server", resolvConf)
	}
	return out, nil
}

// exchange asks the servers in turn until one has an answer, which may be that there
// is no such record. ttl is the shortest of the answer's.
func (r resolver) exchange(ctx context.Context, name string, kind uint16) (answer []dns.RR, ttl time.Duration, err error) {
	servers, err := r.servers()
	if err != nil {
		return nil, 0, err
	}
	var errs []error
	for _, server := range servers {
		reply, err := askServer(ctx, server, name, kind)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", server, dns.TypeToString[kind], err))
			continue
		}
		ttl = time.Duration(math.MaxInt64)
		for _, rr := range reply.Answer {
			ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		}
		return reply.Answer, ttl, nil
	}
	return nil, 0, errors.Join(errs...)
}

// askServer asks one server over UDP, and over TCP when the answer does not fit.
func askServer(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(payload, false)
	var reply *dns.Msg
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, UDPSize: payload}
		ctx, cancel := context.WithTimeout(ctx, tryTimeout)
		var err error
		reply, _, err = client.ExchangeContext(ctx, question, server)
		cancel()
		if err != nil {
			return nil, err
		}
		if !reply.Truncated {
			break
		}
	}
	switch {
	case reply.Truncated:
		return nil, errors.New("the answer is cut off even over TCP")
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("the server answers %s", dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

// addresses are a name's, of both families, sorted. One family that cannot be had
// fails both: half of the addresses would look like backends that have left.
func (r resolver) addresses(ctx context.Context, name string) ([]string, time.Duration, error) {
	var out []string
	shortest := time.Duration(math.MaxInt64)
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, ttl, err := r.exchange(ctx, name, kind)
		if err != nil {
			return nil, 0, err
		}
		shortest = min(shortest, ttl)
		for _, rr := range answer {
			switch rr := rr.(type) {
			case *dns.A:
				out = append(out, rr.A.String())
			case *dns.AAAA:
				out = append(out, rr.AAAA.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), shortest, nil
}
