//go:build race

package report

// underRace says that times mean little.
const underRace = true
