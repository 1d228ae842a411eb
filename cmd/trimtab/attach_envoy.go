package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/xds/admin"
)

// lookPeriod is the time from one look at Envoy's hosts to the next. A page of
// thousands of hosts takes Envoy some milliseconds.
const lookPeriod = 500 * time.Millisecond

// lookAtEnvoy shows the clusters of a running Envoy, what trimtab would set, and
// what it takes to have it do so.
func (c attachCommand) lookAtEnvoy(ctx context.Context, s *streams) error {
	envoy, err := admin.New(c.EnvoyAdmin)
	if err != nil {
		return usageError{err}
	}
	defer envoy.Close()
	pools, err := c.findClusters(ctx, envoy)
	if err != nil {
		return err
	}
	if err := c.watchEnvoy(ctx, envoy, pools); err != nil {
		return err
	}
	counted, err := envoy.Stats(ctx)
	if err != nil {
		return err
	}
	document := status.Document{Version: programVersion(), Pools: []status.Pool{}}
	for _, p := range pools {
		shown, err := p.show(counted, c.Server)
		if err != nil {
			return err
		}
		document.Pools = append(document.Pools, shown)
	}
	if err := writeDocument(s.out, document, c.Output); err != nil || c.Output == "json" {
		return err
	}
	return writeChange(s.out, c.Server, document.Pools)
}

// findClusters makes pools of what can be steered, or says why there is nothing.
func (c attachCommand) findClusters(ctx context.Context, envoy *admin.Client) ([]*envoyPool, error) {
	version, err := envoy.Version(ctx)
	if err != nil {
		return nil, err
	}
	configured, err := envoy.Config(ctx)
	if err != nil {
		return nil, err
	}
	running, err := envoy.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	now := map[string]admin.Cluster{}
	for _, cluster := range running {
		now[cluster.Name] = cluster
	}
	found := map[string]*envoyPool{}
	var reasons []string
	for _, config := range configured.Clusters {
		if len(c.Backend) > 0 && !slices.Contains(c.Backend, config.Name) {
			continue
		}
		why := unsteerable(config, now[config.Name], len(c.Backend) > 0)
		if why == "" {
			p, err := newEnvoyPool("envoy:"+c.EnvoyAdmin, version, configured.Node, config)
			if err == nil {
				found[config.Name] = p
				continue
			}
			why = err.Error()
		}
		reasons = append(reasons, config.Name+": "+why)
	}
	for _, name := range c.Backend {
		if !slices.ContainsFunc(configured.Clusters, func(k admin.ClusterConfig) bool { return k.Name == name }) {
			reasons = append(reasons, fmt.Sprintf("there is no cluster %q", name))
		}
	}
	if len(found) == 0 || len(c.Backend) > 0 && len(reasons) > 0 {
		return nil, fmt.Errorf("envoy admin %s: cannot be steered (%s)", c.EnvoyAdmin, cmp.Or(strings.Join(reasons, "; "), "there are no clusters"))
	}
	var out []*envoyPool
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out, nil
}

// unsteerable says why not, "" for what can be.
func unsteerable(config admin.ClusterConfig, now admin.Cluster, asked bool) string {
	switch {
	case !slices.Contains([]string{"EDS", "STRICT_DNS", "STATIC"}, config.Discovery):
		return config.Discovery + " clusters have no endpoints of their own to weigh"
	case config.Other != "":
		return "load balancing policy " + config.Other + " is not known here"
	case len(now.Hosts) < 2 && !asked:
		return fmt.Sprintf("%d hosts: nothing to choose from", len(now.Hosts))
	}
	for _, h := range now.Hosts {
		if _, err := netip.ParseAddrPort(h.Address); err != nil {
			return fmt.Sprintf("host %s has no IP address with a port", h.Address)
		}
	}
	return ""
}

// watchEnvoy looks for as long as is asked, and steps every second.
func (c attachCommand) watchEnvoy(ctx context.Context, envoy *admin.Client, pools []*envoyPool) error {
	end := time.NewTimer(c.Watch)
	defer end.Stop()
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	stepped := time.Now()
	for {
		if err := lookAt(ctx, envoy, pools); err != nil {
			return err
		}
		over := false
		select {
		case <-ctx.Done():
			return errors.New("interrupted before there was anything to show")
		case <-end.C:
			over = true
		case <-ticker.C:
		}
		if now := time.Now(); over || now.Sub(stepped) >= time.Second {
			for _, p := range pools {
				p.step(now)
			}
			stepped = now
		}
		if over {
			return nil
		}
	}
}

func lookAt(ctx context.Context, envoy *admin.Client, pools []*envoyPool) error {
	start := time.Now()
	running, err := envoy.Clusters(ctx)
	if err != nil {
		return err
	}
	for _, p := range pools {
		i := slices.IndexFunc(running, func(k admin.Cluster) bool { return k.Name == p.config.Name })
		if i < 0 {
			return fmt.Errorf("envoy: cluster %s is gone", p.config.Name)
		}
		if err := p.look(running[i], time.Now(), time.Since(start)); err != nil {
			return err
		}
	}
	return nil
}
