package token

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
)

func file(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		mode          os.FileMode
		want, says    string
	}{
		{"plain", "s3cret", 0o600, "s3cret", ""},
		{"newline", "s3cret\n", 0o400, "s3cret", ""},
		{"newline of another system", "s3cret\r\n", 0o400, "s3cret", ""},
		{"the group may read", "s3cret\n", 0o440, "s3cret", ""},
		{"the longest", strings.Repeat("x", maxSize), 0o400, strings.Repeat("x", maxSize), ""},
		{"all may read", "s3cret\n", 0o644, "", "mode 0644 opens it to all users: chmod o-rwx "},
		{"all may write", "s3cret\n", 0o602, "", "mode 0602"},
		{"empty", "", 0o600, "", "is empty"},
		{"only a newline", "\n", 0o600, "", "is empty"},
		{"two lines", "s3cret\nother\n", 0o600, "", "one line"},
		{"a space", "s3cret ", 0o600, "", "without spaces"},
		{"a control character", "s3\x00cret", 0o600, "", "printable"},
		{"beyond ASCII", "gehéim", 0o600, "", "ASCII"},
		{"too long", strings.Repeat("x", maxSize+1), 0o600, "", "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.content, tt.mode)
			got, err := Read(path)
			if tt.says == "" {
				if got != tt.want || err != nil {
					t.Errorf("Read() = %q, %v, want %q", got, err, tt.want)
				}
				return
			}
			if got != "" || err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Fatalf("Read() = %q, %v, want an error that says %q of %s", got, err, tt.says, path)
			}
			if tt.content != "" && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error %v tells the token", err)
			}
		})
	}
}

func TestReadWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "not a regular file",
		pipe:                       "not a regular file",
	} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("Read(%s): error %v, want one that says %q", path, err, says)
		}
	}
}

// Kubernetes replaces a secret by pointing a link at another directory.
func TestReadFollowsASwitchedLink(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "token"), []byte(version+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	data, path := filepath.Join(dir, "..data"), filepath.Join(dir, "token")
	if err := os.Symlink("..data/token", path); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"one", "two"} {
		next := filepath.Join(dir, "next")
		if err := os.Symlink(version, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, data); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); got != version || err != nil {
			t.Errorf("Read() = %q, %v, want %q", got, err, version)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}} {
		if got := Equal(tt.a, tt.b); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func TestFlag(t *testing.T) {
	path := file(t, "s3cret\n", 0o600)
	parse := func(args ...string) Flag {
		var cli struct{ Flag }
		parser, err := kong.New(&cli)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		return cli.Flag
	}
	shown := func(f Flag) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Authorize(r)
		return r.Header.Get("Authorization"), err
	}
	t.Setenv("TRIMTAB_TOKEN_FILE", "")
	if got, err := shown(parse()); got != "" || err != nil {
		t.Errorf("without a file: %q, %v", got, err)
	}
	if got, err := shown(parse("--token-file", path)); got != "Bearer s3cret" || err != nil {
		t.Errorf("by flag: %q, %v", got, err)
	}
	t.Setenv("TRIMTAB_TOKEN_FILE", path)
	if got, err := shown(parse()); got != "Bearer s3cret" || err != nil {
		t.Errorf("by environment: %q, %v", got, err)
	}
	if got, err := shown(Flag{TokenFile: path + ".none"}); got != "" || err == nil {
		t.Errorf("a file that is not there: %q, %v", got, err)
	}
}
