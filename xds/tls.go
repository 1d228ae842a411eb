package xds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// TLS is how a server shows who it is, and who may connect. The files are read
// again when they change; those that cannot be used are logged, and the last good
// ones stay in force.
type TLS struct {
	// Cert and Key are the paths of PEM files.
	Cert, Key string
	// ClientCA is the path of the authorities that client certificates must be
	// signed by; empty where clients show none.
	ClientCA string
	// Clients are the names in client certificates that are served, patterns of
	// [path.Match] for subject alternative names. None: all that are signed.
	Clients []string
}

// keyring is the files of a TLS in their last usable state.
type keyring struct {
	files TLS
	log   *slog.Logger

	mu     sync.Mutex
	stamp  [3]fileStamp
	config *tls.Config
}

// fileStamp is by what a file is known to have changed.
type fileStamp struct {
	at   time.Time
	size int64
}

func newKeyring(files TLS, log *slog.Logger) (*keyring, error) {
	k := &keyring{files: files, log: log, stamp: stampsOf(files)}
	var err error
	if k.config, err = files.load(); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *keyring) credentials() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return k.current(), nil
		},
	})
}

// current looks at the files at each handshake, which is rare: streams last.
func (k *keyring) current() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	stamp := stampsOf(k.files)
	if stamp == k.stamp {
		return k.config
	}
	k.stamp = stamp
	config, err := k.files.load()
	if err != nil {
		k.log.Error("changed certificates cannot be used; the last good ones stay in force", "error", err)
		return k.config
	}
	k.config = config
	k.log.Info("certificates were read again", "cert", k.files.Cert)
	return k.config
}

func stampsOf(files TLS) (out [3]fileStamp) {
	for i, file := range []string{files.Cert, files.Key, files.ClientCA} {
		if info, err := os.Stat(file); file != "" && err == nil {
			out[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

func (t TLS) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", t.Cert, t.Key, err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if t.ClientCA == "" {
		return out, nil
	}
	text, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client CA: %w", err)
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client CA %s: no certificate in it", t.ClientCA)
	}
	out.ClientAuth = tls.RequireAndVerifyClientCert
	return out, nil
}

var errNotNamed = errors.New("no name in its certificate is one of those allowed")

// admit checks the names in a client's certificate.
func (t TLS) admit(ctx context.Context, _ *corev3.Node) error {
	if len(t.Clients) == 0 {
		return nil
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return errNotNamed
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return errNotNamed
	}
	leaf := info.State.PeerCertificates[0]
	names := slices.Clone(leaf.DNSNames)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	for _, pattern := range t.Clients {
		if slices.ContainsFunc(names, func(name string) bool { matched, err := path.Match(pattern, name); return err == nil && matched }) {
			return nil
		}
	}
	return errNotNamed
}
