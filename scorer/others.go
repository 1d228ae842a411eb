package scorer

// Laws are the names that a pool can be configured with.
func Laws() []string {
	return []string{LawAuto, LawCapacity, LawStatic, LawA58, LawIdle, LawUtilization, LawORCA}
}

// newOther returns the law of another system by its name, nil for ours.
func newOther(name string) Law {
	switch name {
	case LawA58:
		return NewA58(DefaultA58())
	case LawORCA:
		return NewA58(DefaultORCA())
	case LawIdle:
		return NewIdle()
	case LawUtilization:
		return NewUtilization(DefaultUtilization())
	default:
		return nil
	}
}
