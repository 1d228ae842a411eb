package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/xdsclient"
)

type xdsCommand struct {
	Dump xdsDumpCommand `cmd:"" help:"Show what a node would be served, as a client of the xDS server. Nothing is changed."`
}

type xdsDumpCommand struct {
	Type    string        `enum:",cds,eds,lds,rds" default:"" placeholder:"TYPE" help:"Only these: cds, eds, lds or rds. Default: all."`
	Node    string        `default:"trimtab-xds-dump" placeholder:"ID" help:"The node to be (default ${default})."`
	View    string        `enum:"envoy,grpc" default:"envoy" help:"Which kind of client to be: envoy or grpc (default ${default})."`
	Name    []string      `placeholder:"RESOURCE" help:"Only resources of this name, and what they refer to; may be repeated."`
	Server  string        `default:"${xds_server}" placeholder:"HOST:PORT" help:"The xDS server (default ${default})."`
	Timeout time.Duration `default:"3s" help:"How long to wait for everything (default ${default})."`
	Output  string        `short:"o" enum:"table,json" default:"table" help:"table or json."`
	tlsFlags
}

// Validate is called by kong before Run.
func (c xdsDumpCommand) Validate() error {
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout %s: must be positive", c.Timeout)
	}
	return nil
}

func (c xdsDumpCommand) Run(ctx context.Context, s *streams) (err error) {
	credentials, err := c.credentials()
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(c.Server, grpc.WithTransportCredentials(credentials))
	if err != nil {
		return usageError{fmt.Errorf("xds %s: %w", c.Server, err)}
	}
	defer func() { _ = connection.Close() }() // all has been read, or an error says why not
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	dump, err := xdsclient.Fetch(ctx, connection, xdsclient.Query{Node: c.Node, View: c.View, Type: c.Type, Names: c.Name, Version: programVersion()})
	if err != nil {
		return fmt.Errorf("xds %s: %w", c.Server, explain(err))
	}
	if c.Output == "json" {
		err = dump.WriteJSON(s.out)
	} else {
		err = dump.WriteTable(s.out)
	}
	switch {
	case err != nil:
		return err
	case dump.TimedOut:
		return fmt.Errorf("xds %s: within %s this has not come: %s", c.Server, c.Timeout, strings.Join(dump.Missing, ", "))
	case len(dump.Missing) > 0:
		return fmt.Errorf("xds %s: node %s is not served %s", c.Server, c.Node, strings.Join(dump.Missing, ", "))
	}
	return nil
}
