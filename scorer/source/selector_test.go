package source

import (
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

func TestSelector(t *testing.T) {
	series := &dto.Metric{Label: []*dto.LabelPair{
		{Name: proto.String("code"), Value: proto.String("503")},
		{Name: proto.String("path"), Value: proto.String(`a"b,c}`)},
	}}
	for _, tt := range []struct {
		text string
		fits bool
		err  string
	}{
		{text: `m`, fits: true},
		{text: ` m { } `, fits: true},
		{text: `m{code="503"}`, fits: true},
		{text: `m{code="50"}`},
		{text: `m{code!="503"}`},
		{text: `m{code=~"5.."}`, fits: true},
		{text: `m{code=~"5"}`},
		{text: `m{code!~"4..", path="a\"b,c}"}`, fits: true},
		{text: `m{code="503",}`, fits: true},
		{text: `m{absent=""}`, fits: true},
		{text: `m{absent!=""}`},
		{text: ``, err: "is not a metric"},
		{text: `1m`, err: "is not a metric"},
		{text: `m{code="1"`, err: "is not a metric"},
		{text: `m{code}`, err: "want label="},
		{text: `m{code=503}`, err: "want a quoted value after code="},
		{text: `m{code="1" path="2"}`, err: "want a comma"},
		{text: `m{code=~"("}`, err: "missing closing )"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			s, err := ParseSelector(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.name != "m" || s.fits(series) != tt.fits {
				t.Errorf("name %q, fits %v, want m, %v", s.name, s.fits(series), tt.fits)
			}
		})
	}
}

func FuzzParseSelector(f *testing.F) {
	f.Add(`http_requests_total{code=~"5..", path!="/health"}`)
	f.Add(`m{a="\"",}`)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSelector(text); err == nil {
			s.fits(&dto.Metric{})
		}
	})
}
