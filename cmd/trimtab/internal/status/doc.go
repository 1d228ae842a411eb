// Package status is what people and scripts see of the pools: one document, as
// JSON and as a table.
//
//	tuner.Snapshot ─▶ FromSnapshots ─▶ Document ─▶ JSON   (GET /api/v1/status)
//	                                      ▲   └──▶ WriteTable (a terminal)
//	                                      └─ Get (the same JSON, read back)
//
// The JSON is a contract: fields are added, never renamed or taken away. What
// is not known is null, never 0 and never absent, so that a script that asks
// for a field finds it.
//
// The package decides nothing and computes nothing that the snapshot does not
// say; metrics are the web package's.
package status
