package loadstats

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a protobuf message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	// bits is a varint or a fixed 64-bit value, bytes a part of the message.
	bits  uint64
	bytes []byte
}

// cut takes the first field off a message that is not empty.
func cut(message []byte) (f field, rest []byte, err error) {
	var n int
	f.number, f.kind, n = protowire.ConsumeTag(message)
	if n < 0 {
		return field{}, nil, protowire.ParseError(n)
	}
	rest = message[n:]
	switch f.kind {
	case protowire.VarintType:
		f.bits, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed64Type:
		f.bits, n = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(rest)
	default:
		n = protowire.ConsumeFieldValue(f.number, f.kind, rest)
	}
	if n < 0 {
		return field{}, nil, protowire.ParseError(n)
	}
	return f, rest[n:], nil
}

// varint, fixed and text say whether a field is the one of that number; one of
// another wire type is an unknown field, as protobuf has it.
func (f *field) varint(number protowire.Number) bool {
	return f.number == number && f.kind == protowire.VarintType
}

func (f *field) fixed(number protowire.Number) bool {
	return f.number == number && f.kind == protowire.Fixed64Type
}

func (f *field) text(number protowire.Number) bool {
	return f.number == number && f.kind == protowire.BytesType
}

// joined is one message that came in two parts: protobuf merges them, which is
// the same as reading one after the other.
func joined(before, now []byte) []byte {
	if len(before) == 0 {
		return now
	}
	return append(before[:len(before):len(before)], now...)
}
