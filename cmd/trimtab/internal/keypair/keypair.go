// Package keypair is the certificate that a server shows, read again when its files
// change.
//
//	cert.pem, key.pem ─▶ Load ─▶ Config ─▶ a server of TLS; each handshake looks at the files
//
// The package is not for the certificates of clients.
package keypair

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Pair is a certificate with its key. It is safe for concurrent use.
type Pair struct {
	cert, key string
	log       *slog.Logger

	mu    sync.Mutex
	stamp [2]stamp
	now   *tls.Certificate
}

// stamp is by what a file is known to have changed.
type stamp struct {
	at   time.Time
	size int64
}

// Load reads a pair from PEM files.
func Load(cert, key string, log *slog.Logger) (*Pair, error) {
	p := &Pair{cert: cert, key: key, log: log}
	p.stamp = p.stamps() // before, so that no change in between is missed
	var err error
	p.now, err = p.load()
	return p, err
}

// Config is for a server of HTTP.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.current(), nil
		},
	}
}

// current looks whether the files have changed. Those that cannot be used are logged,
// once, and the last good ones stay.
func (p *Pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	stamp := p.stamps()
	if stamp == p.stamp {
		return p.now
	}
	p.stamp = stamp
	pair, err := p.load()
	if err != nil {
		p.log.Error("a changed certificate cannot be used; the last good one stays in force", "error", err)
		return p.now
	}
	p.log.Info("the certificate was read again", "cert", p.cert)
	p.now = pair
	return pair
}

func (p *Pair) stamps() (out [2]stamp) {
	for i, file := range []string{p.cert, p.key} {
		if info, err := os.Stat(file); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

func (p *Pair) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	return &pair, nil
}
