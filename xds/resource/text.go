package resource

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"text/template"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3" // the texts name it
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"        // the texts name it
	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/encoding/protojson"
)

//go:embed text
var texts embed.FS

// serverCluster is what the cluster of trimtab itself is called.
const serverCluster = "trimtab-xds"

// Node is who an Envoy says that it is. Envoy asks no control plane for anything
// without both.
type Node struct{ ID, Cluster string }

// Server is where Envoys find trimtab.
type Server struct {
	// Address is host:port.
	Address string
	// TLS, when not nil, has Envoy check the server's certificate and show its own.
	TLS *ClientTLS
}

// ClientTLS names the files, on Envoy's machine, that it needs for TLS.
type ClientTLS struct {
	// CA is who signs the server's certificate. Certificate and Key are Envoy's
	// own; both empty without mutual TLS.
	CA, Certificate, Key string
	// ServerName is the name in the server's certificate; "" is the server's host.
	ServerName string
}

// server is a Server as the templates want it.
type server struct {
	Cluster, Host string
	Port          uint16
	IsIP          bool
	TLS           *clientTLS
}

type clientTLS struct {
	ClientTLS
	// SAN is the kind of name to look for in the certificate.
	SAN string
}

func (s Server) parse() (server, error) {
	host, port, err := splitPort(s.Address)
	if err != nil {
		return server{}, fmt.Errorf("xDS server: %w", err)
	}
	_, notIP := netip.ParseAddr(host)
	out := server{Cluster: serverCluster, Host: host, Port: port, IsIP: notIP == nil}
	if s.TLS == nil {
		return out, nil
	}
	tls := clientTLS{ClientTLS: *s.TLS, SAN: "DNS"}
	if tls.ServerName == "" {
		tls.ServerName = host
	}
	if _, err := netip.ParseAddr(tls.ServerName); err == nil {
		tls.SAN = "IP_ADDRESS"
	}
	if tls.CA == "" {
		return server{}, errors.New("xDS server: TLS without a CA checks nothing")
	}
	if (tls.Certificate == "") != (tls.Key == "") {
		return server{}, errors.New("xDS server: a certificate needs its key, and a key its certificate")
	}
	out.TLS = &tls
	return out, nil
}

func splitPort(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || host == "" {
		return "", 0, fmt.Errorf("address %q is not host:port", address)
	}
	return host, uint16(number), nil
}

// render fills in a template and validates what came out as the configuration
// that it is for Envoy.
func render(name string, data any) (string, error) {
	t := template.New(name)
	t.Funcs(template.FuncMap{
		"quote": func(s string) (string, error) {
			quoted, err := json.Marshal(s) // every JSON string is one of YAML
			return string(quoted), err
		},
		"include": func(name string, data any) (string, error) {
			var b strings.Builder
			err := t.ExecuteTemplate(&b, name, data)
			return b.String(), err
		},
		"indent": func(spaces int, text string) string {
			margin := strings.Repeat(" ", spaces)
			return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
		},
	})
	if _, err := t.ParseFS(texts, "text/*.tmpl"); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if _, err := parseBootstrap(b.String()); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return b.String(), nil
}

func parseBootstrap(text string) (*bootstrapv3.Bootstrap, error) {
	var tree any
	if err := yaml.Load([]byte(text), &tree); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	out := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(asJSON, out); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if err := out.ValidateAll(); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return out, nil
}
