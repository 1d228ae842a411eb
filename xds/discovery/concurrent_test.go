package discovery

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Clients that come, go and read while several owners publish all end with what
// was published last.
func TestConcurrentPublications(t *testing.T) {
	const publishers, rounds = 3, 60
	names := []string{"a", "b", "c", "d", "e", "f"}
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		all := func(version string) []Resource {
			var list []Resource
			for _, name := range names {
				list = append(list, res(name, version))
			}
			return list
		}
		publish(t, s, change(endpointType, all("0")...))
		address := serve(t, s)

		var owners sync.WaitGroup
		for p := range publishers {
			owners.Go(func() {
				random := rand.New(rand.NewPCG(uint64(p), 1))
				for round := range rounds {
					name := names[random.IntN(len(names))]
					c := change(endpointType, res(name, fmt.Sprintf("%d.%d", p, round)))
					if random.IntN(4) == 0 {
						c = removal(endpointType, name)
					}
					if err := s.Publish(testView, c); err != nil {
						t.Error(err)
					}
					_, _ = s.Nodes(), s.Counters()
				}
			})
		}
		ended := make(chan error, 1)
		go func() {
			owners.Wait()
			ended <- s.Publish(testView, change(endpointType, all("last")...))
		}()
		t.Run("clients", func(t *testing.T) {
			for n := range 6 {
				t.Run(strconv.Itoa(n), func(t *testing.T) {
					t.Parallel()
					conn := connect(t, address)
					for visit := range 3 {
						r := open(t, conn, adsMethod(delta))
						converse(r, names[:2+n%3*2], 5+n, visit == 2)
					}
				})
			}
		})
		if err := <-ended; err != nil {
			t.Error(err)
		}
		await(t, "the end of all streams", func() bool { return s.Counters().Streams == 0 })
	})
}

// converse reads so many responses, or, for the last time, until all that is
// wanted is of the last version.
func converse(r *raw, wanted []string, reads int, last bool) {
	r.t.Helper()
	r.first("n", endpointType, wanted...)
	has := map[string]string{}
	for n := 0; last || n < reads; n++ {
		got := r.receive()
		maps.Copy(has, got.bodies)
		r.ack(got, wanted...)
		if !slices.ContainsFunc(wanted, func(name string) bool { return has[name] != name+"@last" }) {
			break
		}
	}
	if err := r.stream.CloseSend(); err != nil {
		r.t.Error(err)
	}
}
