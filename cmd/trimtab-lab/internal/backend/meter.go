package backend

// meter remembers what has grown for a little longer than its window, so that
// several readers each get the rates of the last window without disturbing
// each other, as they would if a reading began a new one.
type meter struct {
	window float64 // seconds
	points []point
}

// point is what has grown up to an instant, in seconds.
type point struct {
	at           float64
	busy         float64 // core-seconds
	done, failed float64 // requests
}

// perWindow is how many points a window is divided by.
const perWindow = 20

// keep remembers p unless it is too near the last one.
func (m *meter) keep(p point) {
	if n := len(m.points); n > 0 && p.at-m.points[n-1].at < m.window/perWindow {
		return
	}
	old := 0
	for old+1 < len(m.points) && m.points[old+1].at <= p.at-m.window {
		old++
	}
	m.points = append(m.points[:copy(m.points, m.points[old:])], p)
}

// rates are the growth per second over the window that ends at now; `over` is
// that window's length, shorter at the beginning.
func (m *meter) rates(now point) (rate point, over float64) {
	from := m.at(now.at-m.window, now)
	over = now.at - from.at
	if over <= 0 {
		return point{}, 0
	}
	return point{
		busy:   (now.busy - from.busy) / over,
		done:   (now.done - from.done) / over,
		failed: (now.failed - from.failed) / over,
	}, over
}

// at is the point at an instant, in a straight line between its neighbours;
// the beginning for an instant before it.
func (m *meter) at(at float64, now point) point {
	before := point{}
	for _, p := range append(m.points[:len(m.points):len(m.points)], now) {
		if p.at < at {
			before = p
			continue
		}
		if before.at >= at || p.at <= before.at {
			return before
		}
		share := max(0, at-before.at) / (p.at - before.at)
		return point{
			at:     max(at, before.at),
			busy:   before.busy + share*(p.busy-before.busy),
			done:   before.done + share*(p.done-before.done),
			failed: before.failed + share*(p.failed-before.failed),
		}
	}
	return before
}
