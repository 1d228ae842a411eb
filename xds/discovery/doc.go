// Package discovery serves named, already encoded resources over the xDS
// transport protocol and knows which client has what.
//
//	owner ── Publish(view, changes) ──▶ view: snapshot (immutable, atomic pointer)
//	                                      │ wakes the streams that are concerned
//	                                      ▼
//	  subscription (one per list of names) ── resolve ──▶ holding "to"
//	                                                        │
//	  stream: watch per type, holding "from" ───────────────┤
//	                                                        ▼
//	                        image(from → to): encoded once, sent by all streams
//	                                                        │
//	  client ◀──────────── the same bytes, one in flight per type
//	  client ── ACK ──▶ from = to      NACK ──▶ parked until "to" changes
//
// State of the world and delta, aggregated (ADS) and one service per type are
// one implementation: a holding is a list of (name, version), a response is the
// difference of two, and only its encoding depends on the protocol.
//
// Versions are hashes of what they are versions of. A client that reconnects, to
// this process or to the next one, names what it has and is sent the rest; no
// file remembers anything. Nothing is answered about a type before the first
// publication of it, because an empty answer would make clients drop what
// they have.
//
// On every aggregated stream what is new is there before it is used, and what was
// removed goes after its last use:
//
//	clusters ─▶ endpoints ─▶ ACK of the clusters ─▶ listeners ─▶ routes ─▶ ACK ─▶ removals
//
// The first ACK is waited for if clusters are new to the client. Streams of a
// single type know nothing of each other, so that there the order is the client's
// own. [Resource.Basis] makes a load assignment be sent
// again when its cluster changes, which Envoy waits for.
//
// The package is not for weights, pools or the making of Envoy's messages: it
// never looks into a body. It does not validate bodies either.
package discovery
