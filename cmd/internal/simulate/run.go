package simulate

// run is what one engine is made from.
type run struct {
	scenario   *Scenario
	proxy      Proxy
	seed       uint64
	controller Controller
	trace      []request
	record     bool
}

// Run judges one controller by one trace.
func Run(s *Scenario, p Proxy, seed uint64, c Controller) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	return (&run{scenario: s, proxy: p, seed: seed, controller: c, trace: newTrace(s, seed)}).do()
}

// Record is Run, with the result's Series.
func Record(s *Scenario, p Proxy, seed uint64, c Controller) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	return (&run{scenario: s, proxy: p, seed: seed, controller: c, trace: newTrace(s, seed), record: true}).do()
}

func (r *run) do() (Result, error) {
	e, err := newEngine(r)
	if err != nil {
		return Result{}, err
	}
	e.run()
	if f, ok := r.controller.(Failer); ok {
		if err := f.Err(); err != nil {
			return Result{}, err
		}
	}
	return e.finish(), nil
}
