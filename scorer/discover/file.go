package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// maxFile is room for any pool; it keeps a wrong path from filling the memory.
	maxFile = 16 << 20
	// settle is how long a directory has to be quiet before the file is read: whoever
	// writes in several steps is done by then.
	settle = 50 * time.Millisecond
	// longestSettle is for how long a directory that is never quiet is waited for.
	longestSettle = time.Second
)

// FileOptions say which file is watched.
type FileOptions struct {
	// Path is the file's; one that ends in .json is JSON, any other YAML.
	Path string
	// Period is the longest time between two looks, whatever the kernel tells: file
	// systems over a network, and links into other directories, tell nothing.
	// Default 30 s.
	Period time.Duration
	// Logger is told of lists and of trouble. Default: none.
	Logger *slog.Logger
}

// File takes a pool's backends from a file in Prometheus' file_sd format, see [Parse],
// and follows it: when it is written, when another file is renamed to its name, and
// when a symbolic link on the way is switched, as Kubernetes does with ConfigMaps.
type File struct {
	*journal
	options FileOptions
	// unwatched is that it has been said that changes are seen by period alone.
	unwatched bool
}

// NewFile returns a discoverer that Run starts.
func NewFile(o FileOptions) *File {
	if o.Period <= 0 {
		o.Period = 30 * time.Second
	}
	return &File{journal: newJournal("file:"+o.Path, o.Logger), options: o}
}

// Run implements tuner.Discoverer.
func (f *File) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	var events chan fsnotify.Event
	var lost chan error
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.sayUnwatched(err)
	} else {
		defer watcher.Close()
		events, lost = watcher.Events, watcher.Errors
	}
	if list := f.known(); list != nil && !send(ctx, out, list) {
		return nil // it was told before a restart, to nobody who is still there
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var stirred time.Time // zero while nothing has happened since the last look
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-events:
			if !open {
				return errors.New("the kernel's notifications have ended")
			}
			if stirred.IsZero() {
				stirred = time.Now()
			}
			if time.Since(stirred) < longestSettle {
				timer.Reset(settle)
			}
			continue
		case <-lost: // some were missed: look
		case <-timer.C:
		}
		// The directory, as the file of that name comes and goes. Again each time, as
		// a directory that was replaced is another one.
		if watcher != nil {
			if err := watcher.Add(filepath.Dir(f.options.Path)); err != nil {
				f.sayUnwatched(err)
			}
		}
		if list, changed := f.look(); changed && !send(ctx, out, list) {
			return nil
		}
		stirred = time.Time{}
		timer.Reset(f.options.Period)
	}
}

func (f *File) sayUnwatched(err error) {
	if !f.unwatched {
		f.log.Warn("changes are seen after a while only", "period", f.options.Period, "error", err)
	}
	f.unwatched = true
}

// look reads the file.
func (f *File) look() (list []scorer.Backend, changed bool) {
	list, err := f.read()
	if err != nil {
		f.failed(err)
		return nil, false
	}
	return list, f.found(list, time.Now())
}

func (f *File) read() ([]scorer.Backend, error) {
	path := f.options.Path
	// A named pipe would otherwise hold up whoever opens it.
	in, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("read targets: %s: is not a regular file", path), err)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read targets: %s: is larger than %d MiB", path, maxFile>>20)
	}
	list, err := Parse(data, strings.HasSuffix(path, ".json"))
	if err != nil {
		return nil, fmt.Errorf("read targets: %s: %w", path, err)
	}
	return list, nil
}

// send delivers a list; false when ctx has ended.
func send(ctx context.Context, out chan<- []scorer.Backend, list []scorer.Backend) bool {
	select {
	case <-ctx.Done():
		return false
	case out <- list:
		return true
	}
}
