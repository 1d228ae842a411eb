package config

// Attached describes a running HAProxy that is tuned without a configuration
// file.
type Attached struct {
	// Socket and ConfigFile are as in [HAProxy].
	Socket, ConfigFile string
	// Backends are HAProxy's; each becomes a pool of the same name.
	Backends []string
	// LoadURL is where load reports are, empty for none; LoadFormat is "json"
	// or "prometheus".
	LoadURL, LoadFormat string
	// Apply false is a dry run.
	Apply bool
	// DisableAgents is as in [HAProxy].
	DisableAgents bool
}

// Config is the configuration that a file for this would have, with every
// default. Weights are put back at the end.
func (a Attached) Config() *Config {
	c := &Config{}
	c.Admin.setDefaults()
	for _, name := range a.Backends {
		c.Pools = append(c.Pools, a.pool(name))
	}
	c.complete()
	return c
}

func (a Attached) pool(name string) Pool {
	p := Pool{Name: name, From: &From{Word: FromHAProxy}}
	p.setDefaults()
	p.Score.setDefaults()
	p.Limits.setDefaults()
	p.Apply, p.OnExit = a.Apply, OnExitRestore
	target := &HAProxy{Socket: a.Socket, Backend: name, ConfigFile: a.ConfigFile, DisableAgents: a.DisableAgents}
	target.setDefaults()
	p.Targets = []Target{{HAProxy: target}}
	if a.LoadURL != "" {
		poll := Poll{URL: a.LoadURL}
		poll.setDefaults()
		load := LoadSource{HTTP: &HTTPLoad{poll}}
		if a.LoadFormat == "prometheus" {
			load = LoadSource{Prometheus: &PrometheusLoad{Poll: poll}}
		}
		p.Load = append(p.Load, load)
	}
	return p
}
