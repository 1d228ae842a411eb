package keypair

import (
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair/keypairtest"
)

// shown is the name in the certificate that a handshake would show.
func shown(t *testing.T, p *Pair) string {
	t.Helper()
	pair, err := p.Config().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert.Subject.CommonName
}

func TestFilesChange(t *testing.T) {
	directory := t.TempDir()
	cert, key, _ := keypairtest.Write(t, directory, "first.example")
	var log strings.Builder
	p, err := Load(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(t, p); got != "first.example" {
		t.Errorf("shows %s", got)
	}
	later := time.Now()
	touch := func() { // files may be as long as before, and clocks of file systems coarse
		later = later.Add(time.Second)
		if err := os.Chtimes(cert, later, later); err != nil {
			t.Fatal(err)
		}
	}
	keypairtest.Write(t, directory, "second.example")
	touch()
	if got := shown(t, p); got != "second.example" {
		t.Errorf("shows %s after the files changed", got)
	}
	// One of them is not written yet, or gone.
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	for range 3 {
		if got := shown(t, p); got != "second.example" {
			t.Errorf("shows %s after a file was spoilt", got)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged, want 1:\n%s", n, log.String())
	}
	keypairtest.Write(t, directory, "third.example")
	touch()
	if got := shown(t, p); got != "third.example" {
		t.Errorf("shows %s after the files were mended", got)
	}
}

func TestNoFiles(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	if _, err := Load(none, none, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("error %v, want one that names %s", err, none)
	}
}
