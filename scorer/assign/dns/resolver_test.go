package dns

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

// dig asks a server and returns what dig prints.
func dig(t *testing.T, s *Server, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("dig")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dig is missing: it is in Debian's bind9-dnsutils")
		}
		t.Skip("dig is missing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, port, _ := net.SplitHostPort(s.Addr().String())
	out, err := exec.CommandContext(ctx, program, append([]string{"@127.0.0.1", "-p", port, "+tries=1", "+time=5"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestDig(t *testing.T) {
	s := running(t)
	zoneFor(t, s, Options{}, assigntest.Farm(100), nil)
	for _, c := range []struct {
		name string
		args []string
		want []string
		not  []string
	}{
		{"A", []string{"farm.example", "A"}, []string{"status: NOERROR", "flags: qr aa rd;", "udp: 1232", "farm.example.\t\t5\tIN\tA\t10.0.0."}, []string{"Warning: Message parser", "extra bytes"}},
		{"over TCP", []string{"+tcp", "farm.example", "A"}, []string{"status: NOERROR", "(TCP)"}, nil},
		{"without EDNS", []string{"+noedns", "farm.example", "A"}, []string{"status: NOERROR"}, []string{"EDNS"}},
		{"truncated, then over TCP", []string{"_http._tcp.farm.example", "SRV"}, []string{"Truncated, retrying in TCP mode", "ANSWER: 100", "ws1.farm.example."}, nil},
		{"truncated", []string{"+ignore", "_http._tcp.farm.example", "SRV"}, []string{"flags: qr aa tc rd;"}, nil},
		{"absent", []string{"nothing.farm.example", "A"}, []string{"status: NXDOMAIN", "SOA"}, nil},
		{"no data", []string{"farm.example", "AAAA"}, []string{"status: NOERROR", "ANSWER: 0", "SOA"}, nil},
		{"refused", []string{"example.org", "A"}, []string{"status: REFUSED"}, nil},
		{"a later EDNS", []string{"+edns=1", "+noednsneg", "farm.example", "A"}, []string{"status: BADVERS"}, nil},
		{"ANY", []string{"farm.example", "ANY"}, []string{"RFC8482"}, nil},
		{"zone transfer", []string{"farm.example", "AXFR"}, []string{"Transfer failed"}, nil},
		{"cookie and other options", []string{"+cookie", "+nsid", "+subnet=192.0.2.0/24", "farm.example", "A"}, []string{"status: NOERROR"}, nil},
		{"mixed case", []string{"FaRm.eXaMpLe", "A"}, []string{"FaRm.eXaMpLe.\t\t5\tIN\tA"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := dig(t, s, c.args...)
			for _, text := range c.want {
				if !strings.Contains(out, text) {
					t.Errorf("%q is missing in\n%s", text, out)
				}
			}
			for _, text := range c.not {
				if strings.Contains(out, text) {
					t.Errorf("%q is in\n%s", text, out)
				}
			}
		})
	}
}

func TestGoResolver(t *testing.T) {
	s := running(t)
	zoneFor(t, s, Options{Service: "_ws._tcp"}, assigntest.Backends("10.0.0.1:8080", "[2001:db8::2]:8081"), nil)
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Addr().String())
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	hosts, err := r.LookupHost(ctx, "farm.example.")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(hosts)
	if diff := cmp.Diff([]string{"10.0.0.1", "2001:db8::2"}, hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	_, services, err := r.LookupSRV(ctx, "ws", "tcp", "farm.example.")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint16{}
	for _, s := range services {
		found[s.Target] = s.Port
	}
	if diff := cmp.Diff(map[string]uint16{"ws1.farm.example.": 8080, "ws2.farm.example.": 8081}, found); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	var failure *net.DNSError
	if _, err := r.LookupHost(ctx, "absent.farm.example."); !errors.As(err, &failure) || !failure.IsNotFound {
		t.Errorf("an absent name: %v, want not found", err)
	}
}
