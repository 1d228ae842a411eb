package discovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPublishRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes []Change
		says    string
	}{
		{"unknown type", []Change{change("type.googleapis.com/x.Y", res("a", "1"))}, `type "type.googleapis.com/x.Y" is not served`},
		{"empty name", []Change{change(clusterType, Resource{})}, "a name is empty"},
		{"empty removed name", []Change{removal(clusterType, "")}, "a name is empty"},
		{"name twice", []Change{change(clusterType, res("a", "1"), res("a", "2"))}, `name "a" is there twice`},
		{"changed and removed", []Change{{TypeURL: clusterType, Changed: []Resource{res("a", "1")}, Removed: []string{"a"}}}, "twice"},
		{"type twice", []Change{change(clusterType, res("a", "1")), removal(clusterType, "b")}, "is there twice"},
		{"wildcard", []Change{change(clusterType, res("*", "1"))}, "means all names"},
		{"not text", []Change{change(clusterType, Resource{Name: "a\xff"})}, "UTF-8"},
		{"long", []Change{change(clusterType, Resource{Name: strings.Repeat("x", 1025)})}, "1025 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, nil)
			publish(t, s, change(clusterType, res("old", "1")))
			before := s.view(testView).snapshot.Load()
			good := change(endpointType, res("good", "1"))
			err := s.Publish(testView, append([]Change{good}, test.changes...)...)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
			if s.view(testView).snapshot.Load() != before {
				t.Error("something has changed")
			}
		})
	}
}

func TestViewsAreApart(t *testing.T) {
	s := newServer(t, nil)
	if err := s.Publish("grpc", change(clusterType, res("a", "1"))); err != nil {
		t.Fatal(err)
	}
	l := dial(t, s, aggregated, true)
	l.first(clusterType)
	l.expect()
	publish(t, s, change(clusterType, res("b", "1")))
	l.expect("CDS b@1")
}

// A set after changes is what a map after the same changes is.
func TestSetIsAMap(t *testing.T) {
	name := rapid.SampledFrom(strings.Split("abcdefghijkl", ""))
	rapid.Check(t, func(t *rapid.T) {
		var s *set
		model := map[string]uint64{}
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			names := rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "names")
			var changed []*item
			var removed []string
			want := map[string]bool{}
			for _, name := range names {
				version := rapid.Uint64Range(0, 3).Draw(t, "version")
				old, known := model[name]
				if version == 0 {
					removed = append(removed, name)
					delete(model, name)
					if known {
						want[name] = true
					}
					continue
				}
				changed = append(changed, &item{name: name, version: version})
				model[name] = version
				if !known || old != version {
					want[name] = true
				}
			}
			before := s
			var touched []string
			s, touched = s.with(changed, removed)
			got := map[string]bool{}
			for _, name := range touched {
				got[name] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			if before != nil && len(touched) == 0 && s != before {
				t.Fatal("an unchanged set is another one")
			}
			items := map[string]uint64{}
			for n, i := range s.items {
				items[i.name] = i.version
				if n > 0 && s.items[n-1].name >= i.name {
					t.Fatal("out of order")
				}
			}
			if diff := cmp.Diff(model, items); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
