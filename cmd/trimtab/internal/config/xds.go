package config

import "time"

// XDS is the server that Envoys and gRPC clients take their configuration from. A
// reload changes everything but Listen, MaxConnectionAge and whether there is TLS.
type XDS struct {
	// Listen is host:port.
	Listen string `yaml:"listen"`
	// TLS is how it shows who it is; nil for plain text.
	TLS *TLS `yaml:"tls,omitempty"`
	// Nodes are the node ids that are served, a * standing for any text. Default:
	// all.
	Nodes []string `yaml:"nodes,omitempty"`
	// ReportPeriod is how often Envoys report load, 20 ms to 10 s. Default
	// 200 ms.
	ReportPeriod time.Duration `yaml:"report_period"`
	// MaxStreams bounds the streams of all clients. Default 10,000.
	MaxStreams int `yaml:"max_streams"`
	// MaxConnectionAge is when clients are asked to connect anew, give or take a
	// tenth, so that they spread over several trimtabs behind one address; at least
	// 10 s. Default 0: never.
	MaxConnectionAge time.Duration `yaml:"max_connection_age"`
}

// TLS is a server's certificate, and those of its clients where ClientCA is given.
// The files are read again when they change.
type TLS struct {
	// Cert and Key are the paths of PEM files.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ClientCA is the path of the authorities that client certificates are signed
	// by. Empty: clients show none.
	ClientCA string `yaml:"client_ca,omitempty"`
	// Clients are the names in client certificates (subject alternative names: DNS
	// or URI) that are served, a * standing for any text. Default: all that are
	// signed.
	Clients []string `yaml:"clients,omitempty"`
}

// Values of [Envoy.Policy] and [EnvoyListener.Protocol].
const (
	EnvoyLeastRequest = "least_request"
	EnvoyRoundRobin   = "round_robin"
	ProtocolHTTP      = "http"
	ProtocolTCP       = "tcp"
)

// Envoy is the Envoys that take a cluster's endpoints from trimtab, or the whole
// cluster, or a listener with it.
type Envoy struct {
	// Cluster is its name. Default: the pool's name.
	Cluster string `yaml:"cluster"`
	// Policy is what the cluster balances with. Default least_request. Weights mean
	// different things to each, so that it has to be what the cluster really has
	// where Envoy's own configuration says so.
	Policy string `yaml:"policy" oneof:"least_request|round_robin"`
	// Bias is least_request's active_request_bias, 0 to 10. Default 1, as Envoy's.
	Bias float64 `yaml:"bias"`
	// Listener is what Envoy opens for the pool where it has nothing of its own.
	Listener *EnvoyListener `yaml:"listener,omitempty"`
	// HealthCheck is Envoy's own, beside what trimtab says, where the cluster is
	// trimtab's.
	HealthCheck *EnvoyHealthCheck `yaml:"health_check,omitempty"`
}

// EnvoyListener is a listener that trimtab serves.
type EnvoyListener struct {
	// Address is the host:port that Envoy listens on.
	Address string `yaml:"address"`
	// Protocol is http, which includes WebSockets, or tcp. Default http.
	Protocol string `yaml:"protocol" oneof:"http|tcp"`
}

// EnvoyHealthCheck is a cluster's active health check: a TCP connection.
type EnvoyHealthCheck struct {
	// Interval is the time between two checks. Default 1 s.
	Interval time.Duration `yaml:"interval"`
	// CloseConnections closes the TCP connections of a backend that fails its
	// checks; those of a listener with protocol http stay.
	CloseConnections bool `yaml:"close_connections"`
}

// GRPC is the proxyless gRPC clients of xds:///SERVICE.
type GRPC struct {
	// Service is what clients dial. Default: the pool's name.
	Service string `yaml:"service"`
}
