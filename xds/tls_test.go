package xds

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{serial: 1}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue returns a certificate for a DNS name and its key, as PEM.
func (a *authority) issue(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	a.serial++
	private := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func writeFile(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// asking opens a stream and returns the serial number of the server's certificate.
func asking(t testing.TB, s *Server, a *authority, certificate, key []byte) (serial int64, err error) {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "xds.test"}
	config.RootCAs.AddCert(a.certificate)
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	connection, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return 0, err
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "edge-1"}, TypeUrl: resource.ClusterType}); err != nil {
		return 0, err
	}
	if _, err := stream.Recv(); err != nil {
		return 0, err
	}
	p, _ := peer.FromContext(stream.Context())
	return p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].SerialNumber.Int64(), nil
}

func TestMutualTLS(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	files := TLS{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), ClientCA: filepath.Join(dir, "ca.pem"),
		Clients: []string{"edge-*.test"},
	}
	certificate, key := a.issue(t, "xds.test")
	writeFile(t, files.Cert, certificate)
	writeFile(t, files.Key, key)
	writeFile(t, files.ClientCA, a.pem())
	var log journal
	s := serve(t, Options{TLS: &files, Logger: log.logger()})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{}, members)

	ours, oursKey := a.issue(t, "edge-7.test")
	first, err := asking(t, s.Server, a, ours, oursKey)
	if err != nil {
		t.Fatal(err)
	}
	other, otherKey := a.issue(t, "intruder.test")
	if _, err := asking(t, s.Server, a, other, otherKey); err == nil || !strings.Contains(err.Error(), `"intruder.test"`) {
		t.Errorf("a signed client of another name: %v", err)
	}
	strange, strangeKey := newAuthority(t).issue(t, "edge-1.test")
	if _, err := asking(t, s.Server, a, strange, strangeKey); err == nil {
		t.Error("a client that somebody else signed is served")
	}
	if _, err := asking(t, s.Server, a, nil, nil); err == nil {
		t.Error("a client without a certificate is served")
	}

	// Half a change is none; the other half makes it one.
	certificate, key = a.issue(t, "xds.test")
	writeFile(t, files.Cert, certificate)
	if serial, err := asking(t, s.Server, a, ours, oursKey); err != nil || serial != first {
		t.Errorf("certificate %d with another's key, error %v, want the last good one %d", serial, err, first)
	}
	if !strings.Contains(log.String(), "changed certificates cannot be used") {
		t.Errorf("logged %s", log.String())
	}
	writeFile(t, files.Key, key)
	if serial, err := asking(t, s.Server, a, ours, oursKey); err != nil || serial != a.serial {
		t.Errorf("certificate %d, error %v, want the new one %d", serial, err, a.serial)
	}
}

func TestListenRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"a certificate that is not there": {Listen: "127.0.0.1:0", TLS: &TLS{Cert: "/nowhere/cert.pem", Key: "/nowhere/key.pem"}},
		"clients without an authority":    {Listen: "127.0.0.1:0", TLS: &TLS{Clients: []string{"edge"}}},
		"an address that is none":         {Listen: "nowhere"},
		"an interval of a millisecond":    {Listen: "127.0.0.1:0", ReportInterval: time.Millisecond},
	} {
		if s, err := Listen(t.Context(), o); err == nil {
			t.Errorf("%s is taken", name)
			_ = s.Close()
		}
	}
}
