package haproxy

import (
	"fmt"
	"os"

	parser "github.com/haproxytech/client-native/v5/config-parser"
	"github.com/haproxytech/client-native/v5/config-parser/options"
	"github.com/haproxytech/client-native/v5/config-parser/params"
	"github.com/haproxytech/client-native/v5/config-parser/types"
)

// fileBackend is what the configuration file says of a backend and the socket
// does not, or not always.
type fileBackend struct {
	// listed says that the file has the backend at all.
	listed bool
	// balance is its algorithm with its argument, "" where nothing says.
	balance string
	// slowStart says that a server which comes back is ramped up.
	slowStart bool
}

// readFile reads every backend and listen section of a HAProxy configuration
// file, with the defaults sections that hold for them. The file is only read.
// It must not be called concurrently: the parser library has package variables.
func readFile(path string) (map[string]fileBackend, error) {
	// The library makes an empty configuration of a file that is not there.
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("haproxy configuration: %w", err)
	}
	defer func() { _ = file.Close() }()
	p, err := parser.New(options.Reader(file))
	if err != nil {
		return nil, fmt.Errorf("haproxy configuration %s: %w", path, err)
	}
	out := map[string]fileBackend{}
	for _, kind := range []parser.Section{parser.Backends, parser.Listen} {
		names, err := p.SectionsGet(kind)
		if err != nil {
			continue // there are none of this kind
		}
		for _, name := range names {
			out[name] = fileBackend{listed: true, balance: balanceIn(p, kind, name), slowStart: slowStartIn(p, kind, name)}
		}
	}
	return out, nil
}

// maxDefaults is more than any chain of defaults sections: a longer one is a
// circle.
const maxDefaults = 16

// inherited calls visit for a section, its defaults section, the defaults of
// that, and so on, while it returns true.
func inherited(p parser.Parser, kind parser.Section, name string, visit func(parser.Section, string) bool) {
	for range maxDefaults {
		if !visit(kind, name) {
			return
		}
		from, err := p.SectionsDefaultsFromGet(kind, name)
		if err != nil || from == "" {
			return
		}
		kind, name = parser.Defaults, from
	}
}

func balanceIn(p parser.Parser, kind parser.Section, name string) (out string) {
	inherited(p, kind, name, func(kind parser.Section, name string) bool {
		data, err := p.Get(kind, name, "balance")
		if err != nil {
			return true
		}
		if balance, ok := data.(*types.Balance); ok {
			out = balance.Algorithm
			if random, ok := balance.Params.(*params.BalanceRandom); ok && random.Draws > 0 {
				out += random.String()
			}
		}
		return out == ""
	})
	return out
}

func slowStartIn(p parser.Parser, kind parser.Section, name string) (found bool) {
	has := func(options []params.ServerOption) {
		for _, o := range options {
			if value, ok := o.(*params.ServerOptionValue); ok && value.Name == "slowstart" {
				found = found || (value.Value != "" && value.Value != "0")
			}
		}
	}
	if data, err := p.Get(kind, name, "server"); err == nil {
		if servers, ok := data.([]types.Server); ok {
			for _, s := range servers {
				has(s.Params)
			}
		}
	}
	if data, err := p.Get(kind, name, "server-template"); err == nil {
		if templates, ok := data.([]types.ServerTemplate); ok {
			for _, t := range templates {
				has(t.Params)
			}
		}
	}
	inherited(p, kind, name, func(kind parser.Section, name string) bool {
		if data, err := p.Get(kind, name, "default-server"); err == nil {
			if lines, ok := data.([]types.DefaultServer); ok {
				for _, l := range lines {
					has(l.Params)
				}
			}
		}
		return !found
	})
	return found
}
