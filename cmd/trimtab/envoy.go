package main

import (
	"cmp"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// defaultXDSServer is trimtab on the same machine, on the port that everybody's
// examples have.
const defaultXDSServer = "127.0.0.1:18000"

type envoyCommand struct {
	Bootstrap envoyBootstrapCommand `cmd:"" help:"Print the configuration of an Envoy that has everything from trimtab."`
	Cluster   envoyClusterCommand   `cmd:"" help:"Print what lets trimtab set the weights of one cluster of an Envoy that has its own configuration."`
}

// envoyFlags are what every Envoy has to know of trimtab, and of itself.
type envoyFlags struct {
	NodeID        string `default:"edge-1" placeholder:"ID" help:"Who the Envoy says that it is; every Envoy needs its own (default ${default})."`
	NodeCluster   string `default:"edge" placeholder:"NAME" help:"What the Envoy is one of (default ${default})."`
	Sotw          bool   `help:"Ask for whole sets of resources instead of differences."`
	NoLoadReports bool   `help:"Have Envoy report no load, as the backends do."`
	tlsFlags
}

func (f envoyFlags) node() resource.Node { return resource.Node{ID: f.NodeID, Cluster: f.NodeCluster} }

// tlsFlags are for reaching an xDS server. With any of them, TLS is spoken.
type tlsFlags struct {
	CA         string `name:"ca" placeholder:"FILE" help:"Who signs the certificate of trimtab's xDS server; with it, TLS is spoken."`
	Cert       string `placeholder:"FILE" help:"The client's own certificate, where the server asks for one."`
	Key        string `placeholder:"FILE" help:"The key of that certificate."`
	ServerName string `placeholder:"NAME" help:"The name in the server's certificate. Default: the host of --server."`
}

// clientTLS is nil for plain text.
func (f tlsFlags) clientTLS() *resource.ClientTLS {
	if f == (tlsFlags{}) {
		return nil
	}
	return &resource.ClientTLS{CA: f.CA, Certificate: f.Cert, Key: f.Key, ServerName: f.ServerName}
}

type envoyBootstrapCommand struct {
	Config string `type:"path" placeholder:"FILE" help:"trimtab's configuration, to take from what it says of the xDS server."`
	Server string `placeholder:"HOST:PORT" help:"Where the Envoy reaches trimtab's xDS server. Default: xds.listen of --config, without it ${xds_server}."`
	Admin  string `default:"127.0.0.1:9901" placeholder:"HOST:PORT" help:"Where Envoy's own admin listens (default ${default})."`
	envoyFlags
}

func (c envoyBootstrapCommand) Run(s *streams) error {
	bootstrap := resource.BootstrapConfig{
		Node: c.node(), Server: resource.Server{Address: c.Server, TLS: c.clientTLS()},
		Admin: c.Admin, StateOfTheWorld: c.Sotw, ReportLoad: !c.NoLoadReports,
	}
	if c.Config != "" {
		if err := fillBootstrap(&bootstrap, c.Config); err != nil {
			return err
		}
	}
	bootstrap.Server.Address = cmp.Or(bootstrap.Server.Address, defaultXDSServer)
	text, err := resource.Bootstrap(bootstrap)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprint(s.out, text)
	return err
}

type envoyClusterCommand struct {
	Pool          string      `required:"" placeholder:"NAME" help:"The pool; without --config, the name of its endpoints."`
	Cluster       string      `placeholder:"NAME" help:"The cluster as Envoy's configuration names it. Default: as trimtab does."`
	Config        string      `type:"path" placeholder:"FILE" help:"trimtab's configuration, to take everything from that it says."`
	Server        string      `placeholder:"HOST:PORT" help:"Where the Envoy reaches trimtab's xDS server. Default: xds.listen of --config, without it ${xds_server}."`
	Kind          scorer.Kind `enum:"auto,requests,connections" default:"auto" help:"What the pool serves: requests, connections or auto. Default: as in --config."`
	HealthChecked bool        `help:"The cluster has health checks of its own."`
	envoyFlags
}

func (c envoyClusterCommand) Run(s *streams) error {
	snippet := resource.SnippetConfig{
		Node: c.node(), Server: resource.Server{Address: c.Server, TLS: c.clientTLS()},
		Cluster: c.Cluster, Pool: c.Pool, Kind: c.Kind, HealthChecked: c.HealthChecked,
		StateOfTheWorld: c.Sotw, ReportLoad: !c.NoLoadReports,
	}
	if c.Config != "" {
		if err := fillSnippet(&snippet, c.Config, c.Pool); err != nil {
			return err
		}
	}
	if snippet.Cluster == "" {
		snippet.Cluster = snippet.Pool
	}
	snippet.Server.Address = cmp.Or(snippet.Server.Address, defaultXDSServer)
	text, err := resource.ClusterSnippet(snippet)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprint(s.out, text)
	return err
}
