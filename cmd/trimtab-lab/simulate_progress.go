package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
)

// progress is a line that tells how far something is, on a terminal; on
// anything else it says nothing.
type progress struct {
	to       io.Writer
	doing    string
	made, of int
	begun    time.Time
	width    int
}

func newProgress(to io.Writer, doing string, of int) *progress {
	if file, ok := to.(*os.File); !ok || !term.IsTerminal(file.Fd()) {
		to = io.Discard
	}
	return &progress{to: to, doing: doing, of: of, begun: time.Now()}
}

// done is one more, which was called that.
func (p *progress) done(name string) {
	p.made++
	passed := time.Since(p.begun)
	left := time.Duration(float64(passed) / float64(p.made) * float64(p.of-p.made))
	p.line(fmt.Sprintf("%s %d of %d, about %s left (%s)", p.doing, p.made, p.of, left.Round(time.Second), name))
}

// end clears the line.
func (p *progress) end() {
	p.line("")
	_, _ = fmt.Fprint(p.to, "\r")
}

func (p *progress) line(text string) {
	_, _ = fmt.Fprintf(p.to, "\r%s%s", text, strings.Repeat(" ", max(p.width-len(text), 0)))
	p.width = len(text)
}
