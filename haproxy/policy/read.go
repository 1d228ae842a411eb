package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadFiles reads configuration files as "haproxy -f" does: of a directory, the
// files whose names end in .cfg and begin with no dot, sorted.
func ReadFiles(paths []string) ([]File, error) {
	var out []File
	for _, path := range paths {
		names, err := expand(path)
		if err != nil {
			return nil, fmt.Errorf("haproxy configuration: %w", err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("haproxy configuration: %w", err)
			}
			out = append(out, File{Name: name, Text: text})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("haproxy configuration %s: no files that end in .cfg", strings.Join(paths, ", "))
	}
	return out, nil
}

func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".cfg") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// AdminSocket is the first stats socket with level admin that the files
// configure, as [haproxy.NewSession] takes it; "" for none.
func AdminSocket(files []File) string {
	global := false
	for _, l := range read(files) {
		if h, ok := l.header(); ok {
			global = h.kind == "global"
			continue
		}
		if !global || l.word(0) != "stats" || l.word(1) != "socket" || len(l.words) < 3 || l.words[2].variable {
			continue
		}
		address := l.word(2)
		if strings.HasPrefix(address, "fd@") || strings.HasPrefix(address, "sockpair@") {
			continue
		}
		for i := 3; i+1 < len(l.words); i++ {
			if l.word(i) == "level" && l.word(i+1) == "admin" {
				return address
			}
		}
	}
	return ""
}
