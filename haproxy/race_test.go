//go:build race

package haproxy

// underRace says that times mean little.
const underRace = true
