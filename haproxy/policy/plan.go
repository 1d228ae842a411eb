package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

var (
	// ErrNoAccess is that the file may not be written by this user.
	ErrNoAccess = errors.New("no permission to write the configuration")
	// ErrModified is that someone else wrote the file meanwhile.
	ErrModified = errors.New("the file was changed by someone else meanwhile; nothing was written")
)

// Plan is a change that is worked out and not made yet. Its methods are called
// by one goroutine: Check, Write, then Close; Restore undoes Write.
type Plan struct {
	Edited
	files []File
	// path is the file to write, symbolic links followed.
	path string
	// draft is the new text beside it.
	draft string
	// backup is the old text, after Write.
	backup string
}

// Prepare reads the files and works out the change. It writes nothing.
func Prepare(paths []string, backend, algorithm string) (*Plan, error) {
	files, err := ReadFiles(paths)
	if err != nil {
		return nil, err
	}
	e, err := Edit(files, backend, algorithm)
	if err != nil {
		return nil, err
	}
	p := &Plan{Edited: e, files: files}
	if p.path, err = filepath.EvalSymlinks(files[e.File].Name); err != nil {
		return nil, fmt.Errorf("haproxy configuration: %w", err)
	}
	return p, nil
}

// Changed says whether there is anything to do.
func (p *Plan) Changed() bool { return len(p.Changes) > 0 }

// Path is the file that Write replaces.
func (p *Plan) Path() string { return p.path }

// Files are all files as they were read.
func (p *Plan) Files() []File { return p.files }

// Check writes the new text beside the old one and has HAProxy validate it
// ("haproxy -c"), together with the other files. binary is the program, "" for
// the one in PATH. Without permission to write there it fails with [ErrNoAccess].
func (p *Plan) Check(ctx context.Context, binary string) error {
	if err := p.writeDraft(); err != nil {
		return err
	}
	names, drafted := make([]string, len(p.files)), make([]string, len(p.files))
	for i, f := range p.files {
		names[i], drafted[i] = f.Name, f.Name
		if i == p.File {
			drafted[i] = p.draft
		}
	}
	said, err := validate(ctx, binary, drafted)
	if err == nil {
		return nil
	}
	if _, asItWas := validate(ctx, binary, names); asItWas != nil && ctx.Err() == nil {
		return fmt.Errorf("%s is not valid as it is, before any change (if HAProxy is started with an environment or a directory of its own, have a script do the same and name it with --haproxy): %w:\n%s", p.files[p.File].Name, err, said)
	}
	return fmt.Errorf("the changed %s is not valid; nothing was written: %w:\n%s", p.files[p.File].Name, err, said)
}

// writeDraft makes the new file under another name, with the mode and the owner
// of the old one.
func (p *Plan) writeDraft() error {
	if p.draft != "" {
		return nil
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return fmt.Errorf("haproxy configuration: %w", err)
	}
	// HAProxy leaves out names that begin with a dot where it reads a directory.
	draft, err := writeLike(info, p.path, "."+filepath.Base(p.path)+".trimtab-*", p.Text)
	if err != nil {
		return denied(p.path, err)
	}
	p.draft = draft
	return nil
}

// Write puts the old text into a backup beside the file, whose path it returns,
// and the new text in its place, in one step: nobody ever sees a half of it.
func (p *Plan) Write() (backup string, err error) {
	if err := p.writeDraft(); err != nil {
		return "", err
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return "", fmt.Errorf("haproxy configuration: %w", err)
	}
	now, err := os.ReadFile(p.path)
	if err != nil {
		return "", fmt.Errorf("haproxy configuration: %w", err)
	}
	if !bytes.Equal(now, p.files[p.File].Text) {
		return "", fmt.Errorf("%s: %w", p.path, ErrModified)
	}
	name := filepath.Base(p.path) + "." + time.Now().UTC().Format("20060102T150405Z") + ".*.bak"
	if p.backup, err = writeLike(info, p.path, name, now); err != nil {
		return "", denied(p.path, err)
	}
	if err := os.Rename(p.draft, p.path); err != nil {
		return p.backup, denied(p.path, err)
	}
	p.draft = ""
	if err := syncDirectory(p.path); err != nil {
		return p.backup, err
	}
	return p.backup, nil
}

// Restore puts the old text back. The backup stays.
func (p *Plan) Restore() error {
	info, err := os.Stat(p.backup)
	if err != nil {
		return fmt.Errorf("put back %s: %w", p.path, err)
	}
	draft, err := writeLike(info, p.path, "."+filepath.Base(p.path)+".trimtab-*", p.files[p.File].Text)
	if err != nil {
		return fmt.Errorf("put back %s from %s: %w", p.path, p.backup, err)
	}
	if err := os.Rename(draft, p.path); err != nil {
		_ = os.Remove(draft)
		return fmt.Errorf("put back %s from %s: %w", p.path, p.backup, err)
	}
	return syncDirectory(p.path)
}

// Close removes what Check has left.
func (p *Plan) Close() {
	if p.draft != "" {
		_ = os.Remove(p.draft)
		p.draft = ""
	}
}
