package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// Effective is the parsed configuration as YAML with every default written out.
// Parsing it gives an equal Config.
func (c *Config) Effective() []byte { return bytes.Clone(c.effective) }

// Hash identifies what was parsed: files that differ in comments, order of keys
// or written-out defaults have the same one. It has 16 hexadecimal digits.
func (c *Config) Hash() string {
	sum := sha256.Sum256(c.effective)
	return hex.EncodeToString(sum[:8])
}
