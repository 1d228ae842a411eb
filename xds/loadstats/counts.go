package loadstats

// counts are what a data plane counted of one endpoint or locality in a period;
// inProgress is of the period's end.
type counts struct {
	succeeded, failed, issued, inProgress uint64
}

func (c *counts) add(other counts) {
	c.succeeded += other.succeeded
	c.failed += other.failed
	c.issued += other.issued
	c.inProgress += other.inProgress
}

// sane says whether nothing has wrapped around: some gauges of data planes do.
func (c *counts) sane() bool {
	const most = 1 << 40
	return max(c.succeeded, c.failed, c.issued, c.inProgress) < most
}
