package discovery

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func seeds(f *testing.F) {
	for _, m := range []proto.Message{
		&discoveryv3.DiscoveryRequest{},
		&discoveryv3.DiscoveryRequest{
			Node: node("n"), TypeUrl: endpointType, VersionInfo: "v", ResponseNonce: "1",
			ResourceNames: []string{"a", "b", ""}, ErrorDetail: rejection("no"),
		},
		&discoveryv3.DeltaDiscoveryRequest{
			Node: node("n"), TypeUrl: endpointType, ResponseNonce: "1",
			ResourceNamesSubscribe: []string{"a", "*"}, ResourceNamesUnsubscribe: []string{"c"},
			InitialResourceVersions: map[string]string{"a": "1", "b": ""}, ErrorDetail: rejection("no"),
		},
	} {
		encoded, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded, []byte{})
		f.Add(append(slices.Clone(encoded), encoded...), []byte("\x1a\x01a"))
	}
	f.Add([]byte("\x1a\x01a\x20\x07\x1a\x01b"), []byte("\x1a\x01a"))
	f.Add([]byte("\x1a\x01a\x1a\x01b"), []byte("\x1a\x01a"))
	f.Add([]byte("\x1a\xff\xff\xff\xff\x0fx"), []byte{})
}

func mustNames(t *testing.T, l *list) []string {
	t.Helper()
	names, err := l.names(1 << 20)
	if err != nil {
		t.Skip("a name is too long")
	}
	return names
}

// Whatever protobuf can decode, the decoder decodes to the same.
func FuzzDecodeSotW(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, message, before []byte) {
		// A list that was seen before is one that the decoder has accepted.
		if r, err := decodeSotW(before); err != nil || !bytes.Equal(r.names.raw, before) {
			before = nil
		}
		r, err := decodeSotW(message, before)
		var want discoveryv3.DiscoveryRequest
		if proto.Unmarshal(message, &want) != nil {
			return // of what is skipped, the decoder does not see the faults
		}
		if err != nil {
			t.Fatalf("protobuf reads it, the decoder says %v", err)
		}
		got := &discoveryv3.DiscoveryRequest{
			VersionInfo: string(r.version), ResourceNames: mustNames(t, &r.names),
			TypeUrl: string(r.typeURL), ResponseNonce: string(r.nonce),
		}
		if r.rejected != (want.ErrorDetail != nil) || (r.rejected && string(r.complaint) != want.ErrorDetail.Message) {
			t.Errorf("error %v %q, want %v", r.rejected, r.complaint, want.ErrorDetail)
		}
		checkNode(t, r.node, &want)
		want.Node, want.ErrorDetail, want.ResourceLocators = nil, nil, nil
		want.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(got, &want) {
			t.Errorf("got %v, want %v", got, &want)
		}
	})
}

func FuzzDecodeDelta(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, message, _ []byte) {
		r, err := decodeDelta(message, 1<<20)
		var want discoveryv3.DeltaDiscoveryRequest
		if proto.Unmarshal(message, &want) != nil {
			return
		}
		if err != nil {
			t.Fatalf("protobuf reads it, the decoder says %v", err)
		}
		got := &discoveryv3.DeltaDiscoveryRequest{
			TypeUrl: string(r.typeURL), ResponseNonce: string(r.nonce),
			ResourceNamesSubscribe: mustNames(t, &r.subscribe), ResourceNamesUnsubscribe: mustNames(t, &r.unsubscribe),
		}
		versions := map[string]string{}
		for _, c := range r.initial {
			versions[c.name] = c.version
		}
		if !maps.Equal(versions, want.InitialResourceVersions) {
			t.Errorf("versions %v, want %v", versions, want.InitialResourceVersions)
		}
		if r.rejected != (want.ErrorDetail != nil) || (r.rejected && string(r.complaint) != want.ErrorDetail.Message) {
			t.Errorf("error %v %q, want %v", r.rejected, r.complaint, want.ErrorDetail)
		}
		checkNode(t, r.node, &want)
		want.Node, want.ErrorDetail, want.InitialResourceVersions = nil, nil, nil
		want.ResourceLocatorsSubscribe, want.ResourceLocatorsUnsubscribe = nil, nil
		want.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(got, &want) {
			t.Errorf("got %v, want %v", got, &want)
		}
	})
}

func checkNode(t *testing.T, encoded []byte, want interface{ GetNode() *corev3.Node }) {
	t.Helper()
	var got corev3.Node
	if err := proto.Unmarshal(encoded, &got); err != nil {
		t.Fatalf("node: %v", err)
	}
	if want := want.GetNode(); (encoded != nil) != (want != nil) || (want != nil && !proto.Equal(&got, want)) {
		t.Errorf("node %v, want %v", &got, want)
	}
}

// An ACK repeats all names: that costs no memory, however many they are.
func TestRepeatedNamesAreNotAllocated(t *testing.T) {
	names := make([]string, 1000)
	for n := range names {
		names[n] = string(rune('a'+n%26)) + "-cluster-with-a-name"
	}
	encoded, err := proto.Marshal(&discoveryv3.DiscoveryRequest{Node: node("n"), TypeUrl: endpointType, ResponseNonce: "1", ResourceNames: names})
	if err != nil {
		t.Fatal(err)
	}
	r, err := decodeSotW(encoded)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(r.names.raw)
	if got := mustNames(t, &r.names); !slices.Equal(got, names) {
		t.Error(cmp.Diff(names, got))
	}
	if allocs := testing.AllocsPerRun(10, func() {
		if _, err := decodeSotW(encoded, before); err != nil {
			t.Fatal(err)
		}
	}); allocs > 2 {
		t.Errorf("%v allocations", allocs)
	}
}

// Whatever clients send, the server neither panics nor says more than it may.
func FuzzStream(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, delta := range []bool{false, true} {
			s := newServer(t, nil)
			publish(t, s, everything("1")...)
			l := dial(t, s, aggregated, delta)
			l.first(endpointType, "e")
			l.next()
			for _, message := range [][]byte{one, two, one} {
				if err := l.stream.take(t.Context(), message, time.Now()); err != nil {
					break
				}
				responses := 0
				for ; l.next() != nil; responses++ {
				}
				if responses > int(kinds) {
					t.Fatalf("%d responses to one request", responses)
				}
			}
			l.hangUp()
			for _, topic := range s.view(testView).topics {
				if len(topic.subscriptions) != 0 {
					t.Fatal("a subscription is left")
				}
			}
		}
	})
}
