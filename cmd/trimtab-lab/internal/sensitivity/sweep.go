package sensitivity

import (
	"context"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// controls is how many there are. The largest of what so many do is rarely
// exceeded by chance.
const controls = 8

// factors are what each constant is multiplied by.
func factors() []float64 { return []float64{0.5, 2} }

// Sweep plays every match with the default constants, with each of the named ones
// halved and doubled, and with the controls, for trimtab and for trimtab without
// reports where there are any. The matches' own policies are not played. progress,
// unless it is nil, is called [Calls] times, as [simulate.Play] does.
func Sweep(ctx context.Context, matches []simulate.Match, names []string, progress func(match int)) (*Result, error) {
	rows := make([][]*row, len(matches))
	for i := range matches {
		rows[i] = newRows(&matches[i], names)
	}
	// Most constants are about something that does not happen in most rows. Who
	// wants the same as the default at every step need not be played.
	if err := play(ctx, matches, rows, (*row).watched, progress); err != nil {
		return nil, err
	}
	if err := play(ctx, matches, rows, (*row).acting, progress); err != nil {
		return nil, err
	}
	out := &Result{Names: names}
	for i := range rows {
		for _, r := range rows[i] {
			out.Rows = append(out.Rows, r.compared())
		}
	}
	return out, nil
}

// Calls is how many times Sweep says that it has made progress.
func Calls(matches []simulate.Match) int {
	seeds := 0
	for i := range matches {
		seeds += len(matches[i].Seeds)
	}
	return 2 * seeds
}

// entrant is a policy, and where its results go.
type entrant struct {
	simulate.Policy
	results *[]simulate.Result
}

// play plays some of what each row has.
func play(ctx context.Context, matches []simulate.Match, rows [][]*row, of func(*row) []entrant, progress func(int)) error {
	played := make([]simulate.Match, len(matches))
	entrants := make([][]entrant, len(matches))
	for i := range matches {
		played[i] = matches[i]
		played[i].Policies = nil
		for _, r := range rows[i] {
			entrants[i] = append(entrants[i], of(r)...)
		}
		for _, e := range entrants[i] {
			played[i].Policies = append(played[i].Policies, e.Policy)
		}
	}
	verdicts, err := simulate.Play(ctx, played, progress)
	if err != nil {
		return err
	}
	for i := range entrants {
		for k, e := range entrants[i] {
			*e.results = verdicts[i][k].Results
		}
	}
	return nil
}
