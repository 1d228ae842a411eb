package source

import (
	"math"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
)

// What a backend says that it has open is known, where no proxy counts it.
func TestBackendsCountWhatIsOpen(t *testing.T) {
	binary, err := proto.Marshal(&orcav3.OrcaLoadReport{CpuUtilization: 0.5, NamedMetrics: map[string]float64{"in_flight": 3, "connections": 40}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		decode func(*scorer.Report) error
		want   float64
	}{
		{"JSON", func(r *scorer.Report) error {
			_, err := decodeORCA(r, []byte(`{"cpu_utilization": 0.5, "named_metrics": {"in_flight": 3, "connections": 40}}`))
			return err
		}, 43},
		{"connections alone, none", func(r *scorer.Report) error {
			_, err := decodeORCA(r, []byte(`{"cpu_utilization": 0.5, "named_metrics": {"connections": 0}}`))
			return err
		}, 0},
		{"neither", func(r *scorer.Report) error {
			_, err := decodeORCA(r, []byte(`{"cpu_utilization": 0.5, "named_metrics": {"queue": 1}}`))
			return err
		}, math.NaN()},
		{"binary", func(r *scorer.Report) error { return decodeORCABinary(r, binary) }, 43},
	} {
		r := scorer.NewReport("s1", "orca", time.Unix(1000, 0))
		if err := c.decode(&r); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, r.InFlight, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: in flight (-want +got):\n%s", c.name, diff)
		}
	}
}
