package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// writeLike writes text into a new file beside path, with the mode and owner
// that info has, and returns its name. pattern is that of os.CreateTemp.
func writeLike(info os.FileInfo, path, pattern string, text []byte) (_ string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), pattern)
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := own(f, info); err != nil {
		return "", err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return "", err
	}
	if _, err := f.Write(text); err != nil {
		return "", fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return f.Name(), f.Sync()
}

// own gives f the owner and group of another file, where they differ.
func own(f *os.File, like os.FileInfo) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	want, ok := like.Sys().(*syscall.Stat_t)
	have, also := mine.Sys().(*syscall.Stat_t)
	if !ok || !also || (want.Uid == have.Uid && want.Gid == have.Gid) {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}

// syncDirectory makes a rename survive a crash.
func syncDirectory(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// denied marks an error that another user would not have.
func denied(path string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%s: %w: %w", path, ErrNoAccess, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
