package admin

import "testing"

func FuzzClusters(f *testing.F) {
	f.Add(recorded(f, "clusters.json"))
	f.Add([]byte(`{"cluster_statuses":[{"host_statuses":[{"address":{"pipe":{}},"stats":[{"value":"-1"}],"weight":0}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		clusters, err := decodeClusters(data)
		if err != nil {
			return
		}
		for _, c := range clusters {
			seen := map[string]bool{}
			for _, h := range c.Hosts {
				if seen[h.Address] || h.Weight == 0 {
					t.Errorf("host %+v: twice, or without a weight", h)
				}
				seen[h.Address] = true
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(recorded(f, "config_dump.json"))
	f.Add([]byte(`{"configs":[{"static_clusters":[{"cluster":{"load_balancing_policy":{"policies":[{}]}}},{"cluster":{"least_request_lb_config":{"active_request_bias":{"default_value":"NaN"}}}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := decodeConfig(data)
		if err != nil {
			return
		}
		for _, c := range config.Clusters {
			if c.Other == "" && c.Balancing.Policy == "" {
				t.Errorf("cluster %+v has no policy", c)
			}
		}
	})
}

func FuzzStats(f *testing.F) {
	f.Add(recorded(f, "stats.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if stats, err := decodeStats(data); err == nil && stats.Overflows == nil {
			t.Error("no map")
		}
	})
}
