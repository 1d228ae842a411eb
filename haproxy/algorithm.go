package haproxy

import (
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// noName is what HAProxy's statistics call an algorithm that they have no name
// for: random, and the hash of an expression.
const noName = "unknown"

// algorithmOf tells how a backend balances. seen is what the statistics say (""
// at level user) and holds, as it is what runs; the configuration file may have
// been edited since.
func algorithmOf(seen string, file fileBackend, version string) scorer.Algorithm {
	name := seen
	switch {
	case seen == noName && (strings.HasPrefix(file.balance, "random") || strings.HasPrefix(file.balance, "hash")):
		name = file.balance
	case seen == noName:
		name = "random"
	case seen != "":
	case file.balance != "":
		name = file.balance
	case !file.listed:
		return scorer.AlgorithmUnknown
	case !before33(version):
		name = "random"
	default:
		name = "roundrobin"
	}
	return translate(name)
}

func translate(name string) scorer.Algorithm {
	name, argument, _ := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	switch name {
	case "leastconn":
		return scorer.LeastConnections
	case "roundrobin":
		return scorer.RoundRobin
	case "random":
		if argument == "1" {
			return scorer.RoundRobin // one draw by weight looks at nothing else
		}
		return scorer.Random
	default:
		// first, source, uri, hdr, hash, …: which server a client gets is not a
		// matter of load, even where weights can be changed.
		return scorer.FixedWeights
	}
}

// before33 says whether a version is older than 3.3, from which on random is
// the algorithm where no "balance" line says otherwise.
func before33(version string) bool {
	older, known := olderThan(version, 3, 3)
	return older || !known
}

// olderThan says whether a version is older than another one, if it can be read.
func olderThan(version string, major, minor int) (older, known bool) {
	var first, second int
	if n, _ := fmt.Sscanf(version, "%d.%d", &first, &second); n < 2 {
		return false, false
	}
	return first < major || first == major && second < minor, true
}
