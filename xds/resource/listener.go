package resource

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// idleTimeout ends streams and connections that nothing passes on any more.
// max_connection_duration would be no help: it does nothing to WebSockets.
const idleTimeout = time.Hour

// ListenerConfig is an Envoy listener for one pool.
type ListenerConfig struct {
	// Name is the listener's and, for HTTP, its route configuration's.
	Name string
	// Address is ip:port to listen at; port 0 is for tests.
	Address string
	// Cluster is where everything goes.
	Cluster string
	// TCP passes connections on as they are. Otherwise it is HTTP of any version,
	// with WebSockets.
	TCP bool
}

// Resources returns the listener and, for HTTP, its route configuration.
//
// Serve the listener again only when it differs: Envoy ends all its connections
// together after its drain time. Routes may change at any time.
func (c ListenerConfig) Resources() ([]Resource, error) {
	messages, err := c.build()
	if err != nil {
		return nil, fmt.Errorf("listener %q: %w", c.Name, err)
	}
	var out []Resource
	for _, m := range messages {
		r, err := encode(m)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (c ListenerConfig) build() ([]message, error) {
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q is not ip:port", c.Address)
	}
	if c.Name == "" || c.Cluster == "" {
		return nil, errors.New("name and cluster must not be empty")
	}
	name, config, routes := "envoy.filters.network.tcp_proxy", proto.Message(c.tcp()), []message(nil)
	if !c.TCP {
		manager, err := connectionManager(c.Name)
		if err != nil {
			return nil, err
		}
		manager.UseRemoteAddress = wrapperspb.Bool(true) // an edge trusts no one's X-Forwarded-For
		manager.UpgradeConfigs = []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}}
		manager.StreamIdleTimeout = durationpb.New(0) // the route's counts
		manager.CommonHttpProtocolOptions = &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(idleTimeout)}
		name, config = "envoy.filters.network.http_connection_manager", manager
		routes = []message{route(c.Name, c.Cluster, &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: c.Cluster},
			Timeout:          durationpb.New(0),
			IdleTimeout:      durationpb.New(idleTimeout),
		})}
	}
	typed, err := anypb.New(config)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", name, err)
	}
	listener := &listenerv3.Listener{
		Name:    c.Name,
		Address: socketAddress(at),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: typed},
		}}}},
	}
	return append([]message{listener}, routes...), nil
}

func (c ListenerConfig) tcp() *tcpv3.TcpProxy {
	return &tcpv3.TcpProxy{
		StatPrefix:       c.Name,
		ClusterSpecifier: &tcpv3.TcpProxy_Cluster{Cluster: c.Cluster},
		IdleTimeout:      durationpb.New(idleTimeout),
	}
}

// connectionManager is one that takes the route configuration of this name from
// the stream that it came by.
func connectionManager(name string) (*hcmv3.HttpConnectionManager, error) {
	router, err := anypb.New(&routerv3.Router{})
	if err != nil {
		return nil, fmt.Errorf("router filter: %w", err)
	}
	return &hcmv3.HttpConnectionManager{
		StatPrefix: name,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: name, ConfigSource: aggregated(0),
		}},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: router},
		}},
	}, nil
}

// route sends everything to one cluster.
func route(name, cluster string, action *routev3.RouteAction) *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{
		Name: name,
		VirtualHosts: []*routev3.VirtualHost{{
			Name: cluster, Domains: []string{"*"},
			Routes: []*routev3.Route{{
				Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: action},
			}},
		}},
	}
}
