package xds

import "github.com/trimtab-lb/trimtab/xds/discovery"

// Counters reads what was counted since the server was made, all views together.
func (s *Server) Counters() discovery.Counters { return s.discovery.Counters() }
