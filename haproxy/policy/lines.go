package policy

import "bytes"

// File is one of the files that HAProxy is started with (-f), in their order.
type File struct {
	Name string
	Text []byte
}

// line is a line of one of the files.
type line struct {
	file, number int // the number counts from 1
	// start is where it begins in its file.
	start int
	// text is without its end, which is "\n", or "" at the end of a file. A
	// carriage return belongs to the text: HAProxy takes it for a space or an end.
	text, end []byte
	words     []word
}

// read breaks files into lines. What HAProxy cannot break into words, and
// refuses, has none here.
func read(files []File) []line {
	var out []line
	for i, f := range files {
		start, number := 0, 0
		for text := range bytes.Lines(f.Text) {
			number++
			l := line{file: i, number: number, start: start, text: text}
			if body, ok := bytes.CutSuffix(text, []byte{'\n'}); ok {
				l.text, l.end = body, text[len(body):]
			}
			start += len(text)
			l.words, _ = split(l.text)
			out = append(out, l)
		}
	}
	return out
}

// word is the text of the i-th word, "" where there is none.
func (l *line) word(i int) string {
	if i < len(l.words) {
		return l.words[i].text
	}
	return ""
}

// indentation is the space that the line begins with.
func (l *line) indentation() []byte {
	return l.text[:len(l.text)-len(bytes.TrimLeft(l.text, " \t"))]
}

// lineEnd is how the line ends, as shown by editors: "\r\n", "\n" or "".
func (l *line) lineEnd() []byte {
	if len(l.end) > 0 && bytes.HasSuffix(l.text, []byte{'\r'}) {
		return []byte("\r\n")
	}
	return l.end
}
