package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// Config is what an Envoy was configured with.
type Config struct {
	// Node is who it says that it is; empty without a control plane.
	Node resource.Node
	// Clusters are by name.
	Clusters []ClusterConfig
}

// ClusterConfig is how a cluster was configured.
type ClusterConfig struct {
	Name string
	// Discovery is where its endpoints come from: STATIC, STRICT_DNS, LOGICAL_DNS,
	// EDS, ORIGINAL_DST, or the name of an extension.
	Discovery string
	// Balancing is its policy, "" with the policy's name in Other where it is none
	// of those that trimtab knows.
	Balancing resource.Balancing
	Other     string
	// SlowStart is how long Envoy itself lets new hosts take to get their share; 0
	// is not at all.
	SlowStart time.Duration
	// MergeWindow is update_merge_window, with its default.
	MergeWindow time.Duration
	// HealthChecked is that it has active health checks.
	HealthChecked bool
	// ByLocality is that the weights of localities decide before those of hosts.
	ByLocality bool
}

// Config reads the configuration that is in force.
func (c *Client) Config(ctx context.Context) (Config, error) {
	return page(ctx, c, "/config_dump", decodeConfig)
}

// The dump has extensions in it that nobody knows, so that it is not decoded as the
// messages that it is made of.
type dump struct {
	Configs []struct {
		Bootstrap struct {
			Node struct{ ID, Cluster string }
		}
		StaticClusters []clusterEntry `json:"static_clusters"`
		// DynamicActiveClusters leaves out those that still wait for endpoints.
		DynamicActiveClusters []clusterEntry `json:"dynamic_active_clusters"`
	}
}

type clusterEntry struct{ Cluster clusterText }

func decodeConfig(data []byte) (Config, error) {
	var d dump
	if err := json.Unmarshal(data, &d); err != nil {
		return Config{}, fmt.Errorf("%w: %w", errNotEnvoy, err)
	}
	if len(d.Configs) == 0 {
		return Config{}, fmt.Errorf("%w: no configs in it", errNotEnvoy)
	}
	var out Config
	for _, c := range d.Configs {
		if c.Bootstrap.Node.ID != "" {
			out.Node = resource.Node{ID: c.Bootstrap.Node.ID, Cluster: c.Bootstrap.Node.Cluster}
		}
		for _, entry := range slices.Concat(c.StaticClusters, c.DynamicActiveClusters) {
			out.Clusters = append(out.Clusters, entry.Cluster.config())
		}
	}
	slices.SortStableFunc(out.Clusters, func(a, b ClusterConfig) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
