package scorer

// panicShare is the share of a pool that must be usable for anything learned to
// be applied.
const panicShare = 0.5

// panicking says whether so many backends of a pool are unusable (down, ejected
// or silent) that what was learned in better times no longer holds: the
// configured weights are safer then, and nobody else is ejected.
func panicking(usable, all int) bool {
	return all > 0 && float64(usable) < panicShare*float64(all)
}
