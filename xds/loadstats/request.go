package loadstats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// BufferUnmarshaler is a message that decodes itself from the buffers that it
// came in. A codec of a gRPC server that serves this package's service must
// look for it before it takes a message for a proto.Message:
//
//	func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
//		if m, ok := v.(loadstats.BufferUnmarshaler); ok {
//			return m.UnmarshalBuffers(data)
//		}
//		…
//	}
type BufferUnmarshaler interface {
	// UnmarshalBuffers replaces the message's content. It keeps no reference to
	// data.
	UnmarshalBuffers(data mem.BufferSlice) error
}

// keptRoom is the most memory that an idle stream keeps for its next report.
const keptRoom = 64 << 10

// Fields of envoy.service.load_stats.v3.LoadStatsRequest.
const (
	requestNode     = 1
	requestClusters = 2
)

// request is a LoadStatsRequest as it came, but for the node, which is left out
// unless it is asked for.
type request struct {
	// limit bounds the size in bytes; wantNode keeps the node.
	limit    int
	wantNode bool

	// node is a Node, nil when it was not asked for or not sent.
	node []byte
	// room has the ClusterStats one after the other, which end at ends.
	room []byte
	ends []int
}

// UnmarshalBuffers implements [BufferUnmarshaler].
func (r *request) UnmarshalBuffers(data mem.BufferSlice) error {
	if cap(r.room) > keptRoom {
		r.room = nil
	}
	r.node, r.room, r.ends = nil, r.room[:0], r.ends[:0]
	if size := data.Len(); size > r.limit {
		return fmt.Errorf("load report: %d bytes, at most %d are taken", size, r.limit)
	}
	from := data.Reader()
	defer from.Close()
	for from.Remaining() > 0 {
		if err := r.take(from); err != nil {
			return fmt.Errorf("load report: %w", err)
		}
	}
	return nil
}

// take reads one field.
func (r *request) take(from *mem.Reader) error {
	tag, err := binary.ReadUvarint(from)
	if err != nil {
		return err
	}
	number, kind := protowire.DecodeTag(tag)
	if number < protowire.MinValidNumber {
		return errors.New("not a protobuf message")
	}
	switch kind {
	case protowire.VarintType:
		_, err = binary.ReadUvarint(from)
	case protowire.Fixed32Type:
		_, err = from.Discard(4)
	case protowire.Fixed64Type:
		_, err = from.Discard(8)
	case protowire.BytesType:
		err = r.takeBytes(from, number)
	default:
		err = skipGroup(from, number, kind)
	}
	return err
}

func (r *request) takeBytes(from *mem.Reader, number protowire.Number) error {
	size, err := binary.ReadUvarint(from)
	if err != nil {
		return err
	}
	if size > uint64(from.Remaining()) {
		return io.ErrUnexpectedEOF
	}
	switch {
	case number == requestNode && r.wantNode:
		if r.node == nil {
			r.node = []byte{} // an empty node is one
		}
		r.node, err = appendFrom(r.node, from, int(size))
	case number == requestClusters:
		r.room, err = appendFrom(r.room, from, int(size))
		r.ends = append(r.ends, len(r.room))
	default:
		_, err = from.Discard(int(size))
	}
	return err
}

// clusters iterates over the ClusterStats, which hold until the next message.
func (r *request) clusters() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		begin := 0
		for _, end := range r.ends {
			if !yield(r.room[begin:end]) {
				return
			}
			begin = end
		}
	}
}

func appendFrom(to []byte, from *mem.Reader, size int) ([]byte, error) {
	n := len(to)
	to = slices.Grow(to, size)[:n+size]
	_, err := io.ReadFull(from, to[n:])
	return to, err
}

// skipGroup skips what protobuf gave up long ago: it may be slow.
func skipGroup(from *mem.Reader, number protowire.Number, kind protowire.Type) error {
	parts, err := from.Peek(from.Remaining(), nil)
	if err != nil {
		return err
	}
	n := protowire.ConsumeFieldValue(number, kind, slices.Concat(parts...))
	if n < 0 {
		return protowire.ParseError(n)
	}
	_, err = from.Discard(n)
	return err
}
