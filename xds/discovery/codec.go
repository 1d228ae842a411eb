package discovery

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec passes images and undecoded requests through, so that the bytes of a
// response exist once for all streams. Everything else on the same gRPC server
// is protobuf as ever.
type codec struct {
	proto encoding.CodecV2
}

func newCodec() codec { return codec{proto: encoding.GetCodecV2(proto.Name)} }

func (c codec) Name() string { return proto.Name }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if img, ok := v.(*image); ok {
		// Without a pool: gRPC's Free must not give shared bytes to somebody else.
		return mem.BufferSlice{mem.SliceBuffer(img.message)}, nil
	}
	out, err := c.proto.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return out, nil
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if in, ok := v.(*envelope); ok {
		in.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	if in, ok := v.(BufferUnmarshaler); ok {
		return in.UnmarshalBuffers(data)
	}
	if err := c.proto.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// BufferUnmarshaler is a message of another service on the same gRPC server that
// decodes itself from the buffers that it came in, and keeps none of them.
type BufferUnmarshaler interface {
	UnmarshalBuffers(data mem.BufferSlice) error
}

// envelope is a request as it came. Who received it must free the buffer.
type envelope struct {
	buffer mem.Buffer
}
