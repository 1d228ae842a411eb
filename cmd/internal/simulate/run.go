package simulate

import "fmt"

// run is what one engine is made from.
type run struct {
	scenario *Scenario
	seed     uint64
	// by has who steers each pool.
	by     []steered
	trace  []request
	record bool
}

// Run judges one controller by one trace; of a scenario with several pools, as many
// as there are, in the order of the pools.
func Run(s *Scenario, p Proxy, seed uint64, c ...Controller) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	pools := s.pools()
	if len(c) != len(pools) {
		return Result{}, fmt.Errorf("scenario %s: %d controllers for %d pools", s.Name, len(c), len(pools))
	}
	r := run{scenario: s, seed: seed, trace: newTrace(s, seed)}
	for i := range pools {
		r.by = append(r.by, steered{pools[i].behind(p), c[i]})
	}
	return r.do()
}

func (r *run) do() (Result, error) {
	e, err := newEngine(r)
	if err != nil {
		return Result{}, err
	}
	e.run()
	for i := range r.by {
		if f, ok := r.by[i].controller.(Failer); ok {
			if err := f.Err(); err != nil {
				return Result{}, err
			}
		}
	}
	return e.finish(), nil
}
