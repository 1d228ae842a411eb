package status

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// FromSnapshots makes a document of snapshots in any order; a nil one, of a
// pool that has published nothing so far, is left out.
func FromSnapshots(version string, snaps []*tuner.Snapshot) Document {
	d := Document{Version: version, Pools: []Pool{}}
	for _, s := range sorted(snaps) {
		d.Pools = append(d.Pools, poolOf(s))
	}
	return d
}

// Write writes head with the pools of the snapshots as JSON, one pool at a time:
// all of a large fleet at once would need more memory than tuning it. Pools that
// head has are left out.
func Write(w io.Writer, head Document, snaps []*tuner.Snapshot) error {
	head.Pools = []Pool{}
	whole, err := json.Marshal(head)
	if err != nil {
		return err
	}
	const tail = "]}"
	separator := bytes.TrimSuffix(whole, []byte(tail))
	out := bufio.NewWriter(w)
	for _, s := range sorted(snaps) {
		pool, err := json.Marshal(poolOf(s))
		if err != nil {
			return fmt.Errorf("pool %s: %w", s.Plan.Pool, err)
		}
		_, _ = out.Write(separator) // the first error stays until Flush
		_, _ = out.Write(pool)
		separator = []byte{','}
	}
	if separator[0] != ',' {
		_, _ = out.Write(separator)
	}
	_, _ = out.WriteString(tail + "\n")
	return out.Flush()
}

func sorted(snaps []*tuner.Snapshot) []*tuner.Snapshot {
	out := slices.DeleteFunc(slices.Clone(snaps), func(s *tuner.Snapshot) bool { return s == nil })
	slices.SortStableFunc(out, func(a, b *tuner.Snapshot) int { return strings.Compare(a.Plan.Pool, b.Plan.Pool) })
	return out
}

func poolOf(s *tuner.Snapshot) Pool {
	p := Pool{
		Name: s.Plan.Pool, Mode: s.Plan.Mode.String(),
		Law: s.Plan.Law, LawWhy: s.Plan.LawWhy, Advice: s.Plan.Advice,
		Tick: s.Plan.Seq, At: &s.Plan.At, Imbalance: Number(s.Plan.Imbalance),
		Moves: s.Moves, Ejections: s.Ejections, Reports: s.Reports, Orders: s.Orders,
		Backends: make([]Backend, len(s.Plan.Decisions)),
		Targets:  make([]Target, len(s.Targets)),
		Sources:  make([]Source, len(s.Sources)),
		Scale:    ScaleOf(s.Plan.Scale), Shedding: sheddingOf(&s.Plan.Shedding),
	}
	if s.Plan.Seq == 0 {
		p.At, p.Imbalance = nil, Number(math.NaN())
	}
	inForce := weightsNow(s)
	for i, d := range s.Plan.Decisions {
		p.Backends[i] = backendOf(d)
		b := &p.Backends[i]
		b.Shed = shedOf(&d, s.Shed[d.Backend])
		if w, ok := inForce[d.Backend]; ok {
			b.WeightNow = Number(w)
		}
	}
	addApplied(p.Backends, s.Targets)
	for i, t := range s.Targets {
		p.Targets[i] = Target{
			Name: t.Name, Algorithm: string(t.InForce.Algorithm), InSync: t.InSync, LastError: t.LastError,
			LastApplyMS: float64(t.LastApply) / float64(time.Millisecond),
			Applies:     t.Applies, Failures: t.Failures,
			Warnings: append([]string{}, t.InForce.Warnings...),
		}
	}
	for i, src := range s.Sources {
		p.Sources[i] = Source{Name: src.Name, LastError: src.LastError, Restarts: src.Restarts}
	}
	return p
}

func backendOf(d scorer.Decision) Backend {
	b := Backend{
		Name: d.Backend, State: d.State.String(),
		Weight: Number(d.Weight), WeightNow: Number(math.NaN()),
		Score: Number(d.Score), Utilization: Number(d.Utilization),
		InFlight: Number(d.InFlight), RPS: Number(d.RPS), EPS: Number(d.EPS),
		LatencySeconds: Number(d.Latency), ReportAgeSeconds: Number(d.ReportAge.Seconds()),
		Applied: map[string]int{}, Why: d.Why,
		Terms: termsOf(d.Terms), Goal: Number(d.Goal), Drain: drainOf(d.Drain),
	}
	if d.ReportAge < 0 {
		b.ReportAgeSeconds = Number(math.NaN())
	}
	return b
}

func addApplied(backends []Backend, targets []tuner.TargetStatus) {
	index := make(map[string]*Backend, len(backends))
	for i := range backends {
		index[backends[i].Name] = &backends[i]
	}
	for _, t := range targets {
		for _, share := range t.InForce.Shares {
			b := index[share.Backend]
			if b == nil {
				continue
			}
			b.Applied[t.Name] = share.Applied
			if share.Note != "" {
				if b.Notes == nil {
					b.Notes = map[string]string{}
				}
				b.Notes[t.Name] = share.Note
			}
		}
	}
}

// weightsNow is what the targets have in force, each target's shares brought to
// the plan's scale (mean 1 over the backends that are ready or unknown) and the
// mean taken over the targets that know a backend.
func weightsNow(s *tuner.Snapshot) map[string]float64 {
	counts := map[string]bool{}
	for _, d := range s.Plan.Decisions {
		counts[d.Backend] = d.State == scorer.StateReady || d.State == scorer.StateUnknown
	}
	sum, n := map[string]float64{}, map[string]float64{}
	for _, t := range s.Targets {
		total, members := 0.0, 0.0
		for _, share := range t.InForce.Shares {
			if counts[share.Backend] {
				total += share.Weight
				members++
			}
		}
		if total <= 0 {
			continue
		}
		for _, share := range t.InForce.Shares {
			sum[share.Backend] += share.Weight * members / total
			n[share.Backend]++
		}
	}
	for backend := range sum {
		sum[backend] /= n[backend]
	}
	return sum
}
