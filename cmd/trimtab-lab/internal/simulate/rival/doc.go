// Package rival has the laws of other systems as [scorer.Law], to compare with.
// Each is as its authors describe it: no guard, no deadband, nothing improved.
//
//	backends' own reports ──▶ Observation ──▶ Law.Weights ──▶ shares
//	                          (Completed, Failed, Utilization; Seconds 0
//	                           when no report has come)
//
// It is not for deciding when to use which, and makes no weights fit for a
// proxy: shares of 0 are possible where the original has them.
package rival
