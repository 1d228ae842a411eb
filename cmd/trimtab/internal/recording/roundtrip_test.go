package recording

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// fill sets every field to something that is not its zero value, so that a field that
// the format does not have shows.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(began.Add(1234567891)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.1 + 0.2)
	case reflect.Int, reflect.Int64:
		v.SetInt(12345678901)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	default:
		panic("a kind that the test does not know: " + v.Kind().String())
	}
}

func filled[T any]() T {
	var out T
	fill(reflect.ValueOf(&out).Elem())
	return out
}

func write(t testing.TB, h Header, entries ...tuner.Entry) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, h, began)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(began.Add(time.Minute), "over", 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// reread are the lines after the header.
func reread(t testing.TB, text string) (*Reader, []*line) {
	t.Helper()
	r, err := NewReader("x", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []*line
	for {
		l, err := r.next()
		if err == io.EOF {
			return r, out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
}

// All that a pool can be told is recorded: a field that is added to one of these has
// to be added here.
func TestNothingIsLeftOut(t *testing.T) {
	config, memory := filled[scorer.Config](), filled[scorer.Memory]()
	config.Constants = nil // what a pool runs with has none
	config.Scale = nil     // no weight follows from it
	h := NewHeader("v1", config, tuner.Beginning{At: began, FromStart: true, Memory: &memory, Recalled: began})
	report, applied := filled[scorer.Report](), filled[tuner.Applied]()
	members, orders := filled[[]scorer.Backend](), filled[scorer.Orders]()
	probed := filled[tuner.Probed]()
	closed := filled[tuner.Closed]()
	r, lines := reread(t, write(t, h,
		tuner.Entry{At: began, Report: &report}, tuner.Entry{At: began, Applied: &applied},
		tuner.Entry{At: began, Backends: members}, tuner.Entry{At: began, Orders: &orders},
		tuner.Entry{At: began, Probed: &probed}, tuner.Entry{At: began, Closed: &closed}, tuner.Entry{At: began, Lost: 3}))
	header := r.Header()
	for name, pair := range map[string][2]any{
		"configuration": {config, header.Scorer()},
		"header":        {h, header},
		"report":        {report, lines[0].Report.scorer()},
		"applied":       {applied, tuner.Applied{Target: lines[1].Applied.Target, InForce: lines[1].Applied.scorer()}},
		"backends":      {members, scorerBackends(*lines[2].Backends)},
		"orders":        {orders, *lines[3].Orders},
		"probed":        {probed, tuner.Probed(*lines[4].Probed)},
		"closed":        {closed, tuner.Closed(*lines[5].Closed)},
		"lost":          {uint64(3), lines[6].Lost},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := *r.End(); got != (End{"over", Counts{Reports: 1, Lost: 3}}) {
		t.Errorf("end %+v", got)
	}
}

func TestNumbersComeBackAsTheyWere(t *testing.T) {
	odd := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64}
	rapid.Check(t, func(t *rapid.T) {
		float := rapid.OneOf(rapid.SampledFrom(odd), rapid.Float64())
		r := scorer.NewReport("s1", "orca", began.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "at"))))
		r.Utilization, r.CPU, r.RPS = float.Draw(t, "utilization"), float.Draw(t, "cpu"), float.Draw(t, "rps")
		r.Named = map[string]float64{"queue": float.Draw(t, "named")}
		r.Interval = time.Duration(rapid.Int64().Draw(t, "interval"))
		var out bytes.Buffer
		w, err := NewWriter(&out, NewHeader("v1", scorer.Config{Name: "web"}, tuner.Beginning{At: began}), began)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(tuner.Entry{At: began, Report: &r}), w.Flush()); err != nil {
			t.Fatal(err)
		}
		read, err := NewReader("x", &out)
		if err != nil {
			t.Fatal(err)
		}
		l, err := read.next()
		if err != nil {
			t.Fatal(err)
		}
		same := cmp.Comparer(func(a, b float64) bool {
			return math.IsNaN(a) && math.IsNaN(b) || math.Float64bits(a) == math.Float64bits(b)
		})
		if diff := cmp.Diff(r, l.Report.scorer(), same); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A clock that is set while the recording goes on moves nothing in it.
func TestTimesKeepTheirDistances(t *testing.T) {
	start := time.Now()
	later := start.Add(1500 * time.Millisecond) // by both clocks
	if got := rebase(start, later).Sub(rebase(start, start)); got != later.Sub(start) {
		t.Errorf("%v apart, want %v", got, later.Sub(start))
	}
	if at := rebase(start, time.Time{}); !at.IsZero() {
		t.Errorf("no time becomes %v", at)
	}
}
