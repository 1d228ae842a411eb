package discovery

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

var errNotUTF8 = errors.New("not valid UTF-8")

// scanner steps through the length-delimited fields of a message. What has
// another wire type is skipped, as protobuf skips fields that it does not know.
type scanner struct {
	message    []byte
	start, end int // of the field, with its tag
	field      protowire.Number
	value      []byte
	err        error
}

func (s *scanner) next() bool {
	for s.end < len(s.message) {
		s.start = s.end
		field, wireType, n := protowire.ConsumeTag(s.message[s.start:])
		if n < 0 {
			s.err = protowire.ParseError(n)
			return false
		}
		m := protowire.ConsumeFieldValue(field, wireType, s.message[s.start+n:])
		if m < 0 {
			s.err = protowire.ParseError(m)
			return false
		}
		s.end = s.start + n + m
		if wireType == protowire.BytesType {
			s.field = field
			s.value, _ = protowire.ConsumeBytes(s.message[s.start+n : s.end])
			return true
		}
	}
	return false
}

func (s *scanner) text() []byte {
	if s.err == nil && !utf8.Valid(s.value) {
		s.err = errNotUTF8
	}
	return s.value
}

// repeated takes a whole list that was seen before in one step. It is false if
// the list here is none of those, or goes on.
func (s *scanner) repeated(before [][]byte) bool {
	for _, raw := range before {
		if len(raw) == 0 || !bytes.HasPrefix(s.message[s.start:], raw) {
			continue
		}
		end := s.start + len(raw)
		following, _, n := protowire.ConsumeTag(s.message[end:])
		if n < 0 || following != s.field {
			s.end = end
			return true
		}
	}
	return false
}

// list is a repeated string field, with tags and lengths: one piece of the
// message if its strings stand together there, as they do in practice.
type list struct {
	raw        []byte
	start, end int
}

// add takes the scanner's field.
func (l *list) add(s *scanner) {
	switch {
	case l.raw == nil:
		l.start = s.start
		fallthrough
	case l.end == s.start && l.start >= 0:
		l.end = s.end
		l.raw = s.message[l.start:l.end]
	default:
		l.start = -1
		l.raw = append(l.raw[:len(l.raw):len(l.raw)], s.message[s.start:s.end]...)
	}
}

// names returns the strings in order, as parts of one new string.
func (l *list) names(limit int) ([]string, error) {
	var names []string
	all := string(l.raw)
	for scan := (scanner{message: l.raw}); scan.next(); {
		if len(names) == limit {
			return nil, errTooMany
		}
		if len(scan.value) > maxNameBytes {
			return nil, errTooLong
		}
		names = append(names, all[scan.end-len(scan.value):scan.end])
	}
	return names, nil
}
