package main

import (
	"context"
	"errors"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/agent"
	"github.com/trimtab-lb/trimtab/scorer/report/usage"
)

type agentCommand struct {
	ListenOrca       string `name:"listen-orca" placeholder:"HOST:PORT" help:"Serve load reports over ORCA, out of band (gRPC)."`
	ListenHTTP       string `name:"listen-http" placeholder:"HOST:PORT" help:"Serve GET /load and, with --token-file, the hooks POST /shed, /drain and /undrain."`
	ListenAgentCheck string `placeholder:"HOST:PORT" help:"Answer HAProxy's agent-checks with how idle the backend is."`

	Cgroup string        `type:"path" xor:"of" placeholder:"DIR" help:"Whose processor and memory: a cgroup (version 2). Default: the machine's."`
	PID    int           `name:"pid" xor:"of" placeholder:"N" help:"Whose processor and memory: a process, without its children. Default: the machine's."`
	Window time.Duration `default:"1s" help:"Time constant of the averages (default ${default})."`
	Port   int           `placeholder:"N" help:"The application's TCP port: count the connections that are open."`

	Scrape       string        `placeholder:"URL" help:"The application's metrics, in Prometheus' text format."`
	ScrapePeriod time.Duration `default:"1s" help:"How often to read them (default ${default})."`
	Metric       []string      `sep:"none" placeholder:"SIGNAL=METRIC" help:"Which of them is utilization, cpu, memory, in_flight, requests, errors or latency, or reported by another name; may be repeated. For example 'errors=http_requests_total{code=~\"5..\"}'."`

	TLSCert       string `name:"tls-cert" type:"path" placeholder:"FILE" help:"Serve --listen-http by TLS with this certificate (PEM); read again when it changes. Load reports over ORCA and answers to agent-checks, which carry no secret and are asked for in plain text, stay as they are."`
	TLSKey        string `name:"tls-key" type:"path" placeholder:"FILE" help:"The certificate's key."`
	TokenFile     string `type:"path" placeholder:"FILE" help:"The token that the hooks want."`
	ShedURL       string `name:"shed-url" placeholder:"URL" help:"Where the application takes requests to shed connections; POST /shed is passed on to it."`
	ShedTokenFile string `type:"path" placeholder:"FILE" help:"The token that the application wants."`
	logFlags
}

func (c agentCommand) Run(ctx context.Context, s *streams) error {
	config, err := c.config()
	if err != nil {
		return usageError{err}
	}
	config.Logger = c.logger(s.err)
	a, err := agent.New(ctx, config)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

func (c agentCommand) config() (agent.Config, error) {
	out := agent.Config{
		ListenORCA: c.ListenOrca, ListenHTTP: c.ListenHTTP, ListenAgentCheck: c.ListenAgentCheck,
		Meter: usage.Machine(), Window: c.Window, Port: c.Port, PID: c.PID,
		Scrape: c.Scrape, ScrapePeriod: c.ScrapePeriod,
		TLSCert: c.TLSCert, TLSKey: c.TLSKey, TokenFile: c.TokenFile, ShedURL: c.ShedURL, ShedTokenFile: c.ShedTokenFile,
	}
	if c.Scrape == "" && len(c.Metric) > 0 {
		return out, errors.New("--metric: want --scrape, too")
	}
	var err error
	if out.Metrics, err = agent.ParseMetrics(c.Metric); err != nil {
		return out, err
	}
	switch {
	case c.Cgroup != "":
		out.Meter, err = usage.Cgroup(c.Cgroup)
	case c.PID != 0:
		out.Meter, err = usage.Process(c.PID)
	}
	if err != nil {
		return out, err
	}
	return out, out.Check()
}
