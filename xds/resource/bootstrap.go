package resource

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/trimtab-lb/trimtab/scorer"
)

// errNode is why a configuration without a node is of no use.
var errNode = errors.New("node id and cluster must not be empty: Envoy does not start without them")

// defaultAdmin is where people expect Envoy's admin.
const defaultAdmin = "127.0.0.1:9901"

// BootstrapConfig is an Envoy that has everything from trimtab.
type BootstrapConfig struct {
	Node   Node
	Server Server
	// Admin is host:port of Envoy's own admin; "" is 127.0.0.1:9901.
	Admin string
	// StateOfTheWorld asks for whole sets instead of differences.
	StateOfTheWorld bool
	// ReportLoad has Envoy report load; leave it out where backends do.
	ReportLoad bool
}

// Bootstrap returns a bootstrap with comments that `envoy -c` runs as it is.
func Bootstrap(c BootstrapConfig) (string, error) {
	if c.Node.ID == "" || c.Node.Cluster == "" {
		return "", fmt.Errorf("bootstrap: %w", errNode)
	}
	at, err := c.Server.parse()
	if err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	if c.Admin == "" {
		c.Admin = defaultAdmin
	}
	host, port, err := splitPort(c.Admin)
	if err != nil {
		return "", fmt.Errorf("bootstrap: admin: %w", err)
	}
	return render("bootstrap", struct {
		BootstrapConfig
		Server    server
		AdminHost string
		AdminPort uint16
	}{c, at, host, port})
}

// SnippetConfig is a static Envoy configuration in which one cluster is to follow
// trimtab.
type SnippetConfig struct {
	Node   Node
	Server Server
	// Cluster is the cluster's name in that configuration and Pool the name of its
	// endpoints; "" is the cluster's.
	Cluster, Pool string
	// Kind is what the pool serves, and Policy and ActiveRequestBias are how the
	// cluster balances, all as in [ClusterConfig].
	Kind              scorer.Kind
	Policy            Policy
	ActiveRequestBias *float64
	// ReportMetrics are as in [ClusterConfig].
	ReportMetrics []string
	// HealthChecked is that the cluster has health checks of its own.
	HealthChecked bool
	// StateOfTheWorld asks for whole sets instead of differences.
	StateOfTheWorld bool
	// ReportLoad has Envoy report load; leave it out where backends do.
	ReportLoad bool
}

// ClusterSnippet returns, with comments, what is to be added to the configuration.
// It is a valid configuration by itself, which `envoy --config-yaml` can merge into
// another.
func ClusterSnippet(c SnippetConfig) (string, error) {
	if c.Node.ID == "" || c.Node.Cluster == "" {
		return "", fmt.Errorf("cluster snippet: %w", errNode)
	}
	if c.Cluster == "" {
		return "", errors.New("cluster snippet: the cluster's name must not be empty")
	}
	if c.Pool == "" {
		c.Pool = c.Cluster
	}
	at, err := c.Server.parse()
	if err != nil {
		return "", fmt.Errorf("cluster snippet: %w", err)
	}
	how, err := c.balance()
	if err != nil {
		return "", fmt.Errorf("cluster snippet: %w", err)
	}
	return render("cluster", struct {
		SnippetConfig
		balance
		Server     server
		OpenAtOnce int
	}{c, how, at, openAtOnce})
}

// balance is how a cluster balances, as the templates want it.
type balance struct {
	LbPolicy string
	// FullScan takes the least loaded of all endpoints.
	FullScan bool
	Bias     *bias
}

type bias struct{ Value, RuntimeKey string }

// balance is that of the cluster that would be served.
func (c SnippetConfig) balance() (balance, error) {
	served := ClusterConfig{Name: c.Cluster, Kind: c.Kind, Policy: c.Policy, ActiveRequestBias: c.ActiveRequestBias}
	if _, err := served.Balancing().withDefaults(); err != nil {
		return balance{}, err
	}
	cluster, err := served.build()
	if err != nil {
		return balance{}, err
	}
	out := balance{LbPolicy: cluster.GetLbPolicy().String(), FullScan: cluster.GetLoadBalancingPolicy() != nil}
	if c.ActiveRequestBias != nil && served.Balancing().Policy == LeastRequest {
		out.Bias = &bias{strconv.FormatFloat(*c.ActiveRequestBias, 'f', -1, 64), biasKey(c.Cluster)}
	}
	return out, nil
}
