package xdsclient

import (
	"cmp"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// names are those of the resources that came.
func (f *fetch) names(k kind) []string { return slices.Sorted(maps.Keys(f.watches[k].resources)) }

// references are the names that the resources of a root refer to.
func (f *fetch) references(root kind) []string {
	found := map[string]bool{}
	for _, r := range f.watches[root].resources {
		switch m := r.message.(type) {
		case *clusterv3.Cluster:
			if m.GetType() == clusterv3.Cluster_EDS {
				found[cmp.Or(m.GetEdsClusterConfig().GetServiceName(), m.GetName())] = true
			}
		case *listenerv3.Listener:
			for _, name := range routesOf(m) {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// routesOf are the names of the route configurations that a listener asks for.
func routesOf(l *listenerv3.Listener) []string {
	configs := []*anypb.Any{l.GetApiListener().GetApiListener()}
	for _, chain := range append(l.GetFilterChains()[:len(l.GetFilterChains()):len(l.GetFilterChains())], l.GetDefaultFilterChain()) {
		for _, filter := range chain.GetFilters() {
			configs = append(configs, filter.GetTypedConfig())
		}
	}
	var names []string
	for _, config := range configs {
		manager := &hcmv3.HttpConnectionManager{}
		if config.MessageIs(manager) && config.UnmarshalTo(manager) == nil && manager.GetRds().GetRouteConfigName() != "" {
			names = append(names, manager.GetRds().GetRouteConfigName())
		}
	}
	return names
}
