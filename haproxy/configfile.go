package haproxy

import (
	"fmt"
	"os"

	parser "github.com/haproxytech/client-native/v5/config-parser"
	"github.com/haproxytech/client-native/v5/config-parser/options"
	"github.com/haproxytech/client-native/v5/config-parser/types"
)

// defaultAlgorithm is HAProxy's where no "balance" line says otherwise.
const defaultAlgorithm = "roundrobin"

// readAlgorithms reads the balancing algorithm of every backend and listen
// section from a HAProxy configuration file, "defaults" sections included. The
// file is only read. It must not be called concurrently: the parser library has
// package variables.
func readAlgorithms(path string) (map[string]string, error) {
	// The library makes an empty configuration of a file that is not there.
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("haproxy configuration: %w", err)
	}
	defer file.Close()
	p, err := parser.New(options.Reader(file))
	if err != nil {
		return nil, fmt.Errorf("haproxy configuration %s: %w", path, err)
	}
	out := map[string]string{}
	for _, kind := range []parser.Section{parser.Backends, parser.Listen} {
		names, err := p.SectionsGet(kind)
		if err != nil {
			continue // there are none of this kind
		}
		for _, name := range names {
			out[name] = algorithmIn(p, kind, name)
		}
	}
	return out, nil
}

// algorithmIn follows a section to its defaults, which may have defaults of
// their own.
func algorithmIn(p parser.Parser, kind parser.Section, name string) string {
	for range 16 { // a chain of defaults that is longer is a circle
		if data, err := p.Get(kind, name, "balance"); err == nil {
			if balance, ok := data.(*types.Balance); ok && balance.Algorithm != "" {
				return balance.Algorithm
			}
		}
		from, err := p.SectionsDefaultsFromGet(kind, name)
		if err != nil || from == "" {
			break
		}
		kind, name = parser.Defaults, from
	}
	return defaultAlgorithm
}
