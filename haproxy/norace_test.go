//go:build !race

package haproxy

const underRace = false
