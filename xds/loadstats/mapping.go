package loadstats

import (
	"maps"
	"net/netip"
	"slices"
)

// Mapping says which pool each cluster is, by the cluster's name or by its EDS
// service name; the cluster's own name comes first. Nobody may change a Mapping
// that a server was given.
type Mapping map[string]Cluster

// Cluster is one pool as data planes know it.
type Cluster struct {
	// Pool is the pool's name.
	Pool string
	// Addresses names the backend at each address, for data planes that report
	// by endpoint.
	Addresses map[netip.AddrPort]string
	// SubZones names the backend in each sub-zone, for gRPC clients, which
	// report by locality and are served one locality for each backend.
	SubZones map[string]string
}

// backends lists the names of all backends, each once, sorted.
func (c *Cluster) backends() []string {
	all := map[string]bool{}
	for _, name := range c.SubZones {
		all[name] = true
	}
	for _, name := range c.Addresses {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// table is a mapping in force.
type table struct {
	clusters Mapping
	// names are the clusters' names, sorted.
	names []string
}

func newTable(m Mapping) *table {
	return &table{clusters: m, names: slices.Sorted(maps.Keys(m))}
}

// find is the cluster under the first of the names that is known.
func (t *table) find(name, service []byte) (Cluster, bool) {
	if c, ok := t.clusters[string(name)]; ok {
		return c, true
	}
	c, ok := t.clusters[string(service)]
	return c, ok && len(service) > 0
}
