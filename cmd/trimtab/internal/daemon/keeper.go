package daemon

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/state"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds"
)

// keeper holds what a pool's successor needs: a newer pool of the same name after a
// reload, and the next trimtab through the state file, where there is one.
type keeper struct {
	store *state.Store // nil: nothing outlives trimtab
	log   *slog.Logger
	wake  chan struct{}
	stop  chan struct{}
	done  chan struct{}

	// saving is held while a file is written, so that an older one never follows
	// a newer one.
	saving sync.Mutex
	mu     sync.Mutex
	file   state.File
	failed bool // the last save: said once
}

func newKeeper(store *state.Store, log *slog.Logger, pool string) *keeper {
	return &keeper{
		store: store, log: log, file: state.File{Pool: pool},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// start loads what is kept, from the predecessor in this process if there is one,
// and saves in the background from then on.
func (k *keeper) start(before *keeper) state.File {
	switch {
	case before != nil:
		k.file = before.newest()
	case k.store != nil:
		f, err := k.store.Load(k.file.Pool)
		if err != nil {
			k.log.Warn("starting without what was kept", "error", err)
			if !errors.Is(err, state.ErrDamaged) {
				// What is there was not set aside, and must not be lost.
				k.log.Error("nothing is kept of this pool until trimtab is restarted")
				k.store = nil
			}
		} else if f.Pool != "" {
			k.file = f
		}
	}
	go k.run()
	return k.newest()
}

func (k *keeper) newest() state.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.file
}

// remember takes what the pool has learned, and what its targets have sent; it
// returns at once.
func (k *keeper) remember(m scorer.Memory, served map[string]xds.Memory) {
	k.mu.Lock()
	k.file.Memory, k.file.Served = m, served
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// errNotKept is an order's in force that the next trimtab will not know.
var errNotKept = errors.New("in force, but not kept over a restart of trimtab: state.path is not configured, or cannot be read")

// take takes the orders in force, and has them saved soon; it returns at once.
func (k *keeper) take(o scorer.Orders) {
	k.mu.Lock()
	k.file.Orders = o
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// sync saves the orders that were taken before it returns.
func (k *keeper) sync() error {
	if k.store == nil {
		return errNotKept
	}
	return k.save()
}

func (k *keeper) save() error {
	if k.store == nil {
		return nil
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	return k.store.Save(k.newest())
}

func (k *keeper) run() {
	defer close(k.done)
	for {
		select {
		case <-k.stop:
			k.saveAndSay()
			return
		case <-k.wake:
			k.saveAndSay()
		}
	}
}

func (k *keeper) saveAndSay() {
	err := k.save()
	k.mu.Lock()
	news := (err != nil) != k.failed
	k.failed = err != nil
	k.mu.Unlock()
	switch {
	case !news:
	case err != nil:
		k.log.Error("state is not kept; tuning goes on", "error", err)
	default:
		k.log.Info("state is kept again")
	}
}

// close saves for the last time.
func (k *keeper) close() {
	close(k.stop)
	<-k.done
}
