package policy

import (
	"bytes"
	"fmt"
	"strings"
)

// around is how many lines before and after a change are shown.
const around = 3

// unified is a change as "diff -u" shows it. The changes are known line by
// line, so that nothing has to be compared.
func unified(f File, changes []Change) string {
	lines := bytes.SplitAfter(f.Text, []byte{'\n'})
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", f.Name, f.Name)
	added := 0 // lines, by the hunks so far
	for len(changes) > 0 {
		hunk := 1
		for hunk < len(changes) && changes[hunk].Line-changes[hunk-1].Line <= 2*around {
			hunk++
		}
		added += writeHunk(&out, lines, changes[:hunk], added)
		changes = changes[hunk:]
	}
	return out.String()
}

// writeHunk writes changes that are near to each other and returns how many
// lines they add.
func writeHunk(out *strings.Builder, lines [][]byte, changes []Change, before int) (added int) {
	for _, c := range changes {
		if c.Added {
			added++
		}
	}
	first := max(changes[0].Line-around, 1)
	last := min(changes[len(changes)-1].Line+around, len(lines))
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", first, last-first+1, first+before, last-first+1+added)
	for n := first; n <= last; n++ {
		old := lines[n-1]
		if len(changes) == 0 || changes[0].Line != n {
			writeLine(out, ' ', old)
			continue
		}
		c := changes[0]
		changes = changes[1:]
		if !c.Added {
			writeLine(out, '-', old)
			writeLine(out, '+', append([]byte(c.New), old[len(c.Old):]...))
			continue
		}
		if old[len(old)-1] != '\n' { // it gets the end that it has not
			writeLine(out, '-', old)
			fmt.Fprintf(out, "+%s\n", old)
			writeLine(out, '+', []byte(c.New))
			continue
		}
		writeLine(out, ' ', old)
		writeLine(out, '+', append([]byte(c.New), old[len(bytes.TrimRight(old, "\r\n")):]...))
	}
	return added
}

func writeLine(out *strings.Builder, mark byte, text []byte) {
	out.WriteByte(mark)
	out.Write(text)
	if !bytes.HasSuffix(text, []byte{'\n'}) {
		out.WriteString("\n\\ No newline at end of file\n")
	}
}
