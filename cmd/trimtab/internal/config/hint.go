package config

import (
	"slices"
	"strings"
)

// didYouMean names the candidate that the word was probably meant to be, else
// lists them all.
func didYouMean(word string, candidates []string) string {
	best, bestDistance := "", 3
	for _, c := range candidates {
		if plain(c) == plain(word) {
			return "did you mean " + c + "?"
		}
		d := editDistance(strings.ToLower(word), c)
		// A third of the word may be wrong; more is another word.
		if d < bestDistance && d <= (len(c)+1)/3 {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if len(candidates) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(candidates))
	return "known: " + strings.Join(sorted, ", ")
}

// plain makes slow-start, slowStart and slow_start the same.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment).
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
