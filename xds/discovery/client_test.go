package discovery

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc/credentials"
)

func TestIdentity(t *testing.T) {
	spiffe, err := url.Parse("spiffe://example.test/edge")
	if err != nil {
		t.Fatal(err)
	}
	name := pkix.Name{CommonName: "cn"}
	for _, test := range []struct {
		name string
		info credentials.AuthInfo
		want string
	}{
		{"plain", nil, ""},
		{"no certificate", credentials.TLSInfo{}, ""},
		{"URI first", peerWith(&x509.Certificate{URIs: []*url.URL{spiffe}, DNSNames: []string{"dns"}, Subject: name}), "spiffe://example.test/edge"},
		{"DNS name", peerWith(&x509.Certificate{DNSNames: []string{"dns"}, Subject: name}), "dns"},
		{"common name", peerWith(&x509.Certificate{Subject: name}), "cn"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := identity(test.info); got != test.want {
				t.Errorf("identity %q, want %q", got, test.want)
			}
		})
	}
}

func peerWith(leaf *x509.Certificate) credentials.TLSInfo {
	return credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}}
}

func TestUserAgent(t *testing.T) {
	for _, test := range []struct {
		node *corev3.Node
		want string
	}{
		{&corev3.Node{}, ""},
		{&corev3.Node{UserAgentName: "gRPC Go", UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.85.0"}}, "gRPC Go 1.85.0"},
		{&corev3.Node{UserAgentName: "envoy", UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{
			UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}},
		}}, "envoy 1.40.0"},
	} {
		if got := agent(test.node); got != test.want {
			t.Errorf("agent %q, want %q", got, test.want)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	view := func(*corev3.Node) string { return testView }
	for name, o := range map[string]Options{
		"no view":  {},
		"negative": {View: view, MaxResourceNames: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(o); err == nil {
				t.Error("no error")
			}
		})
	}
}
