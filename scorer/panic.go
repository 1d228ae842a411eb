package scorer

// panicking says whether so many backends of a pool are unusable (down, ejected
// or silent) that what was learned in better times no longer holds: the
// configured weights are safer then, and nobody else is ejected. each is how many
// must be usable for each one that is not.
func panicking(usable, all int, each float64) bool {
	return all > 0 && float64(usable) < each*float64(all-usable)
}
