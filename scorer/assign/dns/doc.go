// Package dns is an authoritative name server whose zones answer with the backend to
// use now.
//
//	resolver ── A farm.example.? ──▶ Server ─▶ Target: assign.Placement picks ws3
//	         ◀── 10.0.0.3, for 5 s ─────┘
//	client ══ connection ══▶ ws3
//
// A zone has, for a pool of name farm.example:
//
//	farm.example.             A, AAAA  one backend, another one for each query
//	                          SOA, NS
//	_http._tcp.farm.example.  SRV      all backends that take clients, with weights
//	ws3.farm.example.         A, AAAA  of each backend, for SRV to name
//	ns.farm.example.          A, AAAA  of the name servers
//
// What is known to be absent is NXDOMAIN or no data, with the zone's SOA; what cannot
// be known now (no plan yet, or nobody takes clients) is SERVFAIL, so that no resolver
// remembers it as absent; other zones, zone transfers and other classes are REFUSED;
// ANY gets one HINFO (RFC 8482). There is no recursion and no DNSSEC.
//
// Answers over UDP are at most 1232 bytes and limited by network, so that nobody can
// use the server to flood somebody else: of those in excess every second gets an empty
// answer that says to come over TCP, where addresses cannot be forged, the others get
// nothing.
//
// All clients behind a resolver share an answer for its time to live. The more they
// are, the coarser the placement: see package assign.
package dns
