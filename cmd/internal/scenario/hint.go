package scenario

import (
	"slices"
	"strings"
)

// didYouMean names the candidate that the word was probably meant to be, else
// lists them all.
func didYouMean(word string, candidates []string) string {
	if len(candidates) == 0 {
		return ""
	}
	nearest := slices.MinFunc(candidates, func(a, b string) int {
		return distance(plain(word), plain(a)) - distance(plain(word), plain(b))
	})
	// A third of the word may be wrong; more is another word.
	if d := distance(plain(word), plain(nearest)); d <= (len(nearest)+1)/3 && d <= 3 {
		return "did you mean " + nearest + "?"
	}
	return "known: " + strings.Join(candidates, ", ")
}

// plain makes leaves-at, leavesAt and leaves_at the same.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
}

// longestWord bounds the work on a word that is no word.
const longestWord = 64

// distance counts insertions, deletions and replacements (Levenshtein).
func distance(a, b string) int {
	if len(a) > longestWord {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, replaced)
		}
	}
	return row[len(b)]
}
