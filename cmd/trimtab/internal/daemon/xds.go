package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/xds"
)

// newXDS opens the xDS server of a configuration, nil without one.
func newXDS(c *config.XDS, log *slog.Logger) (*xds.Server, error) {
	if c == nil {
		return nil, nil
	}
	options := xdsOptions(c)
	options.Logger = log
	return xds.Listen(context.Background(), options)
}

func xdsOptions(c *config.XDS) xds.Options {
	out := xds.Options{
		Listen: c.Listen, Nodes: c.Nodes, ReportInterval: c.ReportPeriod,
		MaxStreams: c.MaxStreams, MaxConnectionAge: c.MaxConnectionAge,
	}
	if t := c.TLS; t != nil {
		out.TLS = &xds.TLS{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, Clients: t.Clients}
	}
	return out
}

// prepareXDS checks whether the server can go on as a newer configuration says, and
// changes nothing yet.
func (d *Daemon) prepareXDS(c *config.XDS) (apply func(), err error) {
	switch {
	case c == nil && d.xds == nil:
		return func() {}, nil
	case d.xds == nil:
		return nil, errors.New("xds cannot be added while running: restart trimtab")
	case c == nil:
		return nil, errors.New("xds cannot be taken away while running: restart trimtab")
	}
	apply, err = d.xds.Prepare(xdsOptions(c))
	if errors.Is(err, xds.ErrFixed) {
		err = fmt.Errorf("%w: restart trimtab", err)
	}
	return apply, err
}

// xdsClients says who takes its configuration from the xDS server, nil without
// one. Who only looks is none of them.
func (d *Daemon) xdsClients() func() web.XDS {
	if d.xds == nil {
		return nil
	}
	return func() web.XDS {
		clients := slices.DeleteFunc(d.xds.Nodes(), func(n xds.Node) bool { return n.Observer })
		return web.XDS{Listen: d.listen, Nodes: clients, Counters: d.xds.Counters()}
	}
}
