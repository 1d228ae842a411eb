package haproxy

import "time"

// age is how old HAProxy says that a stream is. It prints two units at most
// ("59m58s", "1h2m"), so that what is printed grows coarser with time.
type age struct {
	// least is what is printed, and whatever is below unit was cut off.
	least, unit time.Duration
	// known is false where nothing could be read.
	known bool
}

// parseAge reads what HAProxy prints.
func parseAge(text []byte) age {
	a := age{unit: time.Second} // of a number that stands alone nothing was cut off
	number, digits, units := time.Duration(0), 0, 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			number = 10*number + time.Duration(c-'0')
			if digits++; digits > 5 {
				return age{}
			}
			continue
		}
		unit := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}[c]
		if unit == 0 || digits == 0 || units == 2 {
			return age{}
		}
		a.least += number * unit
		if units++; units > 1 {
			a.unit = unit
		}
		number, digits = 0, 0
	}
	a.known = units > 0 && digits == 0
	if !a.known {
		return age{}
	}
	return a
}

// follows says whether a may be the age of what had the age before, at least so
// long ago. An age is the difference of two times in whole seconds, up to a second
// off, and the long form of "show sess" takes it from another clock than the short
// one. What has begun since then is younger than a second more than has passed, so
// that it never follows one of at least surelyOld and what least falls short by. An
// age that is too high is no doubt: a clock was set, successors are younger.
func (a age) follows(before age, least time.Duration) bool {
	return a.known && before.known && a.least+a.unit+time.Second > before.least+least
}

const (
	// surelyOld is the least age that tells a stream from a later one in the same
	// place, by what follows allows.
	surelyOld = 3 * time.Second
	// youngest is the least age of what is closed: a list that takes up to a second
	// still tells.
	youngest = 4 * time.Second
)
