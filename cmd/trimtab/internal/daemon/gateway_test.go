package daemon

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair/keypairtest"
)

// A change that cannot be made gives back what it has opened.
func TestFailedChangeFreesListeners(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	for _, kind := range []string{"redirect: {listen: %q}", "dns: {listen: %q, name: farm.example}"} {
		text := fmt.Sprintf(`pools:
  - name: ws
    backends: [{name: ws1, address: "10.0.0.1:80"}]
    targets:
      - `+kind+`
      - redirect: {listen: %q}
`, free.Addr(), taken.Addr())
		c, err := config.Parse("trimtab.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f := NewFleet(Options{Logger: slog.New(slog.DiscardHandler)})
		if _, err := f.Prepare(c); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Fatalf("error %v, want one that names %s", err, taken.Addr())
		}
		again, err := net.Listen("tcp", free.Addr().String())
		if err != nil {
			t.Fatalf("after a change that was not made: %v", err)
		}
		_ = again.Close()
	}
}

// A running gateway gets a certificate by a reload, and keeps what it has when that
// cannot be read.
func TestGatewayCertificates(t *testing.T) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = at.Close()
	directory := t.TempDir()
	cert, key, trusted := keypairtest.Write(t, directory, "gate.example")
	parse := func(secure string) *config.Config {
		c, err := config.Parse("trimtab.yaml", fmt.Appendf(nil, `pools:
  - name: ws
    backends: [{name: ws1, address: "10.0.0.1:80"}]
    targets: [redirect: {listen: %q%s}]
`, at.Addr(), secure))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	f := newFleet(t, Options{Logger: slog.New(slog.DiscardHandler)})
	status := func(scheme string) int {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+at.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	answers := func(what string, plain, secure bool) {
		t.Helper()
		if got := status("http"); (got == http.StatusServiceUnavailable || got == http.StatusTemporaryRedirect) != plain {
			t.Errorf("%s: plain text is answered %d", what, got)
		}
		if got := status("https"); (got == http.StatusServiceUnavailable || got == http.StatusTemporaryRedirect) != secure {
			t.Errorf("%s: TLS is answered %d", what, got)
		}
	}
	swap(t, f, parse(""))
	answers("without a certificate", true, false)
	missing := filepath.Join(directory, "missing.pem")
	if _, err := f.Prepare(parse(fmt.Sprintf(", tls: {cert: %q, key: %q}", missing, key))); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want one that names %s", err, missing)
	}
	answers("after a change that was not made", true, false)
	swap(t, f, parse(fmt.Sprintf(", tls: {cert: %q, key: %q}", cert, key)))
	answers("with a certificate", false, true)
	swap(t, f, parse(""))
	answers("without it again", true, false)
}
