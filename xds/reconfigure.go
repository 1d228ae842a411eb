package xds

import (
	"errors"
	"fmt"
	"strings"
)

// ErrFixed is that a server would have to be made anew for other options.
var ErrFixed = errors.New("cannot change while running")

// Prepare checks whether the server can go on with other options, and changes
// nothing yet: apply puts them in force, and cannot fail.
//
// Streams of clients that may not connect any more end; all others stay as they
// are. Certificates are those of connections to come. The interval of load reports
// changes with each client's next report. Whether there is TLS, Listen and
// MaxConnectionAge are those that the server was made with: the error is [ErrFixed]
// then.
func (s *Server) Prepare(o Options) (apply func(), err error) {
	o.Logger = s.options.Logger
	if o, err = o.withDefaults(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name(), err)
	}
	if fixed := s.options.fixed(o); len(fixed) > 0 {
		return nil, fmt.Errorf("%s %w", strings.Join(fixed, ", "), ErrFixed)
	}
	var read keys
	if o.TLS != nil {
		if read, err = readKeys(*o.TLS); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	return func() {
		if s.keys != nil {
			s.keys.use(read)
		}
		s.loads.SetInterval(o.ReportInterval)
		s.admission.change(o.rules())
	}, nil
}

// fixed are the keys that differ and must not.
func (o Options) fixed(other Options) []string {
	var keys []string
	if o.Listen != other.Listen {
		keys = append(keys, "xds.listen")
	}
	if (o.TLS == nil) != (other.TLS == nil) {
		keys = append(keys, "xds.tls (whether there is any)")
	}
	if o.MaxConnectionAge != other.MaxConnectionAge {
		keys = append(keys, "xds.max_connection_age")
	}
	return keys
}
