package xds

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
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
	// Clients are the names in client certificates that are served, subject
	// alternative names in which a * is any text. None: all that are signed.
	Clients []string
}

// keyring is the files of a TLS in their last usable state.
type keyring struct {
	log *slog.Logger

	mu sync.Mutex
	keys
}

// keys are the files and what was in them.
type keys struct {
	files  TLS
	stamp  [3]fileStamp
	config *tls.Config
}

// fileStamp is by what a file is known to have changed.
type fileStamp struct {
	at   time.Time
	size int64
}

func newKeyring(files TLS, log *slog.Logger) (*keyring, error) {
	read, err := readKeys(files)
	if err != nil {
		return nil, err
	}
	return &keyring{log: log, keys: read}, nil
}

func readKeys(files TLS) (out keys, err error) {
	out = keys{files: files, stamp: stampsOf(files)} // before, so that no change in between is missed
	out.config, err = files.load()
	return out, err
}

// use takes other keys for the connections to come.
func (k *keyring) use(other keys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = other
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
