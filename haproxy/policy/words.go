package policy

import (
	"errors"
	"strings"
)

// word is an argument of a configuration line.
type word struct {
	// start and end are where it stands in the line, quotes included.
	start, end int
	// text is what HAProxy makes of it; variables stay as they are written.
	text string
	// variable says that HAProxy puts something from its environment into it.
	variable bool
}

var (
	errQuote  = errors.New("a quote has no end")
	errEscape = errors.New(`\x is not followed by two hexadecimal digits`)
)

// split breaks a line into its words as HAProxy does (parse_line in its
// tools.c): quotes, which may begin and end within a word, backslashes, and the
// comment, which a # begins anywhere outside of quotes.
func split(line []byte) ([]word, error) {
	s := splitter{line: line}
	s.skipSpace()
	for !s.atEnd() {
		if err := s.word(); err != nil {
			return nil, err
		}
		if s.atEnd() {
			break
		}
		s.skipSpace()
	}
	return s.words, nil
}

type splitter struct {
	line  []byte
	at    int
	words []word
}

// peek is the byte i places ahead, 0 behind the end, which HAProxy stops at.
func (s *splitter) peek(i int) byte {
	if s.at+i < len(s.line) {
		return s.line[s.at+i]
	}
	return 0
}

func (s *splitter) atEnd() bool {
	c := s.peek(0)
	return c == 0 || c == '\n' || c == '\r' || c == '#'
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

// skipSpace passes over a carriage return, too: between words it is a space,
// at the end of one it ends the line.
func (s *splitter) skipSpace() {
	for isSpace(s.peek(0)) {
		s.at++
	}
}

func (s *splitter) word() error {
	w := word{start: s.at}
	var text strings.Builder
	var quote byte // the one that is open
	for {
		c := s.peek(0)
		switch {
		case c == 0 || c == '\n' || c == '\r' || (c == '#' && quote == 0) || (isSpace(c) && quote == 0):
			if quote != 0 {
				return errQuote
			}
			w.end, w.text = s.at, text.String()
			s.words = append(s.words, w)
			return nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			decoded, err := s.escape(quote)
			if err != nil {
				return err
			}
			text.WriteByte(decoded)
			continue
		default:
			w.variable = w.variable || (c == '$' && quote == '"')
			text.WriteByte(c)
		}
		s.at++
	}
}

// escape reads what follows a backslash. One that begins no escape sequence is
// a plain character.
func (s *splitter) escape(quote byte) (byte, error) {
	next := s.peek(1)
	length, decoded := 2, next
	switch {
	case next == ' ' || next == '\\' || next == '#' || next == '"':
	case next == '\'' && quote == 0:
	case next == '$' && quote == '"':
	case next == 't':
		decoded = '\t'
	case next == 'n':
		decoded = '\n'
	case next == 'r':
		decoded = '\r'
	case next == 'x':
		high, low := hex(s.peek(2)), hex(s.peek(3))
		if high < 0 || low < 0 {
			return 0, errEscape
		}
		length, decoded = 4, byte(high<<4|low)
	default:
		length, decoded = 1, '\\'
	}
	s.at += length
	return decoded, nil
}

func hex(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
