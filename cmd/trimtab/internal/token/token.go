// Package token is the secret that allows changes over the admin API: how it is
// read from its file, how it is compared, and how a client shows it.
//
//	file ─▶ Read ─┬─▶ Equal      (the server, at each request)
//	              └─▶ Authorize  (the commands, with each request)
//
// The file is read at each use, so that a token is replaced by replacing its
// file, by renaming or by switching a symbolic link as Kubernetes does, and
// nobody has to be told.
//
// The package is not for deciding which requests need a token.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// maxSize is room for any token; it keeps a wrong path from filling the memory.
const maxSize = 4096

// others is what nobody but the owner and the group may do with a token's file.
// The group may read it: that is how Kubernetes and systemd hand out secrets.
const others fs.FileMode = 0o007

// Read returns the token in a file, without the newline at its end. The error
// names the file and never its contents. A file that is open to all users of
// the machine, is empty, or holds anything that an HTTP header cannot carry is
// refused.
func Read(path string) (string, error) {
	// A named pipe would otherwise hold up whoever opens it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	// What is judged is the file that is read, not what the name leads to next.
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("token file %s: is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return "", fmt.Errorf("token file %s: mode %04o opens it to all users: chmod o-rwx %s", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("token file %s: %w", path, err)
	}
	token := strings.TrimRight(string(data), "\r\n")
	if err := check(token); err != nil {
		return "", fmt.Errorf("token file %s: %w", path, err)
	}
	return token, nil
}

func check(token string) error {
	switch {
	case token == "":
		return errors.New("is empty")
	case len(token) > maxSize:
		return fmt.Errorf("is larger than %d bytes", maxSize)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("must hold one line of printable ASCII without spaces")
	}
	return nil
}

// Equal compares in a time that tells nothing of either, their lengths
// included.
func Equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
