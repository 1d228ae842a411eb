// Package config turns a YAML file into a [Config] that is valid as a whole, or
// into every reason why it is not.
//
//	bytes ─▶ yaml.Node ─▶ decode ─▶ validate ─▶ Config ─▶ Effective, Hash
//	             │          │          │
//	             └──────────┴──────────┴──▶ Problems, sorted by position:
//	                                        file:line:column: path: what (hint)
//
// The decoder walks nodes itself instead of letting the YAML library fill the
// structs, because the library stops being useful where an operator needs it
// most: it knows lines but no columns, names Go types, and cannot tell an
// absent key from a zero one. go.yaml.in/yaml/v4 is used for what it does well:
// its nodes carry line and column, and it can be told to let duplicate keys
// through, so that they are reported beside everything else.
//
// The package is not for looking at the world: whether a socket answers or a
// server exists is found out by those who use the configuration.
package config
