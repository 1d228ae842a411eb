package xdsclient

import (
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// jsonResource is a resource as scripts see it.
type jsonResource struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Resource is the message, with the field names of Envoy's documentation.
	Resource json.RawMessage `json:"resource"`
	// Undecoded is why Resource is null: the message has a type in it that is not
	// known here. Encoded is the whole message then.
	Undecoded string `json:"undecoded,omitempty"`
	Encoded   []byte `json:"encoded,omitempty"`
}

// WriteJSON writes the resources under their types.
func (d Dump) WriteJSON(w io.Writer) error {
	out := struct {
		Node      string                    `json:"node"`
		View      string                    `json:"view"`
		Missing   []string                  `json:"missing"`
		Rejected  []Rejection               `json:"rejected"`
		Resources map[string][]jsonResource `json:"resources"`
	}{d.Node, d.View, append([]string{}, d.Missing...), d.Rejected, map[string][]jsonResource{}}
	for _, all := range d.resources {
		list := make([]jsonResource, 0, len(all.list))
		for _, r := range all.list {
			one, err := asJSON(r)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		out.Resources[all.kind.String()] = list
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write as JSON: %w", err)
	}
	return nil
}

func asJSON(r named) (jsonResource, error) {
	one := jsonResource{Name: r.name, Version: r.version, Resource: json.RawMessage("null")}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(r.message)
	if err == nil {
		one.Resource = text
		return one, nil
	}
	one.Undecoded = err.Error()
	if one.Encoded, err = proto.Marshal(r.message); err != nil {
		return one, fmt.Errorf("encode %s: %w", r.name, err)
	}
	return one, nil
}
