//go:build race

package main

// underRace says that times mean little.
const underRace = true
