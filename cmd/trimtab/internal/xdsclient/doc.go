// Package xdsclient shows what an xDS server serves a node.
//
//	Query ─▶ Fetch ── DiscoveryRequest ──▶ any ADS server
//	           │   ◀─ CDS, then the EDS of its clusters ─┤
//	           │   ◀─ LDS, then the RDS of its listeners ┤
//	           │   ◀─ CSDS: what the node refuses ───────┘
//	           ▼
//	         Dump ─▶ WriteTable, WriteJSON
//
// It speaks the state-of-the-world protocol over one aggregated stream, takes
// everything that it is sent, as it is for looking and not for judging, and ends
// when it has what it asked for.
//
// It is not for keeping a configuration up to date: it reads once.
package xdsclient
