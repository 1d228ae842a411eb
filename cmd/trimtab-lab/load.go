package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
)

type loadCommand struct {
	URL      string        `arg:"" help:"Where to: http://host:port/path."`
	Rate     float64       `default:"100" help:"Requests per second, Poisson."`
	Demand   time.Duration `default:"20ms" help:"Mean work of a request, exponential."`
	Warmup   time.Duration `default:"0s" help:"Time that is not counted."`
	Duration time.Duration `default:"10s" help:"Time that is counted."`
	Seed     uint64        `default:"1" help:"Seed of the trace."`
	Timeout  time.Duration `default:"30s" help:"After which a request is an error."`
	MaxOpen  int           `default:"2000" help:"Requests open at once; more are errors."`
	Watch    []int         `help:"Processes, HAProxy's for example, whose processor time is reported." placeholder:"PID,..."`
	Output   string        `short:"o" enum:"table,json" default:"table" help:"Result as table or json."`
	Realtime bool          `negatable:"" default:"true" help:"Ask for real-time priority."`
}

// Validate is called by kong.
func (c loadCommand) Validate() error {
	if !(c.Rate > 0) || c.Demand < 0 || c.Warmup < 0 || c.Duration <= 0 || c.Timeout <= 0 || c.MaxOpen <= 0 {
		return errors.New("--rate, --duration, --timeout and --max-open must be positive, --demand and --warmup not negative")
	}
	return nil
}

// loadResult is what the command reports, times in milliseconds.
type loadResult struct {
	Requests    int         `json:"requests"`
	Errors      load.Errors `json:"errors"`
	Rate        float64     `json:"good_answers_per_second"`
	P50         float64     `json:"p50_ms"`
	P99         float64     `json:"p99_ms"`
	P999        float64     `json:"p999_ms"`
	Max         float64     `json:"max_ms"`
	SendLateP99 float64     `json:"send_late_p99_ms"`
	SendLateMax float64     `json:"send_late_max_ms"`
	Valid       bool        `json:"valid"`
	Attempts    int         `json:"attempts"`
	Scheduling  string      `json:"scheduling"`
	// OwnCPU and WatchedCPU are absent where the system does not tell.
	OwnCPU     *float64   `json:"own_cpu_cores,omitempty"`
	WatchedCPU []*float64 `json:"watched_cpu_cores,omitempty"`

	verdict load.Validity
}

// Run is called by kong.
func (c loadCommand) Run(ctx context.Context, e env) error {
	class := beOnTime(c.Realtime, fewThreads())
	for attempt := 1; ; attempt++ {
		got, err := c.measure(ctx, class)
		if err != nil {
			return err
		}
		got.Attempts = attempt
		if !got.Valid && attempt < load.Attempts {
			_, _ = fmt.Fprintf(e.err, "%v: measured again\n", got.verdict)
			continue
		}
		if err := got.write(e.out, c.Output); err != nil {
			return err
		}
		switch {
		case !got.Valid:
			return errMissed
		case got.Rate == 0:
			return fmt.Errorf("%s: none of %d requests was answered well", c.URL, got.Requests)
		}
		return nil
	}
}

// measure replays the trace once.
func (c loadCommand) measure(ctx context.Context, class realtime.Class) (loadResult, error) {
	trace, err := load.Poisson(load.Shape{Seed: c.Seed, Rate: c.Rate, MeanDemand: c.Demand, Length: c.Warmup + c.Duration})
	if err != nil {
		return loadResult{}, err
	}
	own := machine.NewMeter(os.Getpid())
	var watched []machine.Meter
	for _, pid := range c.Watch {
		if _, err := machine.CPUTime(pid); err != nil {
			return loadResult{}, fmt.Errorf("--watch: %w", err)
		}
		watched = append(watched, machine.NewMeter(pid))
	}
	r, err := load.Start(ctx, load.Options{URL: c.URL, Trace: trace, Timeout: c.Timeout, MaxOpen: c.MaxOpen}, time.Now())
	if err != nil {
		return loadResult{}, err
	}
	defer r.Stop()
	select {
	case <-r.Ended():
	case <-ctx.Done():
		return loadResult{}, ctx.Err()
	}
	got, err := r.Window(ctx, c.Warmup, c.Warmup+c.Duration)
	if err != nil {
		return loadResult{}, err
	}
	verdict := load.Gate(got.SendLate, c.Demand)
	result := loadResult{
		Requests: got.Requests, Errors: got.Errors, Rate: got.Rate,
		P50: ms(got.Latency.P50), P99: ms(got.Latency.P99), P999: ms(got.Latency.P999), Max: ms(got.Latency.Max),
		SendLateP99: ms(got.SendLate.P99), SendLateMax: ms(got.SendLate.Max),
		Valid: verdict.Valid(), Scheduling: string(class), OwnCPU: cores(own), verdict: verdict,
	}
	for _, m := range watched {
		result.WatchedCPU = append(result.WatchedCPU, cores(m))
	}
	return result, nil
}

func (r loadResult) write(out io.Writer, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	_, err := fmt.Fprintf(out, "%d requests, %.1f good answers/s, errors: %d status, %d broken, %d not sent\n"+
		"latency ms: p50 %.2f  p99 %.2f  p99.9 %.2f  max %.2f\n"+
		"%v; %s; own %s cores%s\n",
		r.Requests, r.Rate, r.Errors.Status, r.Errors.Broken, r.Errors.NotSent,
		r.P50, r.P99, r.P999, r.Max, r.verdict, r.Scheduling, coresText(r.OwnCPU), r.watchedText())
	return err
}

func (r loadResult) watchedText() string {
	if len(r.WatchedCPU) == 0 {
		return ""
	}
	var all []string
	for _, c := range r.WatchedCPU {
		all = append(all, coresText(c))
	}
	return ", watched " + strings.Join(all, " ")
}

// cores is what a meter says, nil for nothing.
func cores(m machine.Meter) *float64 {
	c := m.Cores()
	if math.IsNaN(c) {
		return nil
	}
	return &c
}

func coresText(c *float64) string {
	if c == nil {
		return "?"
	}
	return fmt.Sprintf("%.3f", *c)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
