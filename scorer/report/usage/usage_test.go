package usage

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// files writes files, by their paths below a directory.
func files(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, r *Reader, now time.Time) Usage {
	t.Helper()
	u, err := r.Read(now)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func same(t *testing.T, what string, got, want Usage) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const meminfo = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n"

// A pod of two processors whose container has none of its own to lose, on a
// machine of eight.
func TestCgroupLimitsAreNested(t *testing.T) {
	dir, proc := t.TempDir(), t.TempDir()
	files(t, proc, map[string]string{"meminfo": meminfo})
	cpu := func(container, pod int) {
		files(t, dir, map[string]string{
			"root/pod/web/cpu.stat": "usage_usec " + strconv.Itoa(container) + "\n",
			"root/pod/cpu.stat":     "usage_usec " + strconv.Itoa(pod) + "\n",
		})
	}
	cpu(1_000_000, 5_000_000)
	files(t, dir, map[string]string{
		"root/cgroup.procs": "", "root/pod/cgroup.procs": "", "root/pod/web/cgroup.procs": "",
		"root/cpu.stat":    "usage_usec 99\n",
		"root/pod/cpu.max": "200000 100000\n", "root/pod/web/cpu.max": "max 100000\n", "root/pod/web/cpuset.cpus.effective": "0-7\n",
		"root/pod/memory.max": "max\n", "root/pod/web/memory.max": "2000\n",
		"root/pod/web/memory.current": "1500\n", "root/pod/web/memory.stat": "anon 900\ninactive_file 500\n",
	})
	r := newCgroup(proc, filepath.Join(dir, "root/pod/web"))
	now := time.Unix(1000, 0)
	same(t, "at first", read(t, r, now), Usage{math.NaN(), 0.5})

	cpu(3_000_000, 7_000_000) // 2 s of processor, and its pod no more
	same(t, "the pod is full", read(t, r, now.Add(time.Second)), Usage{1, 0.5})
	cpu(3_400_000, 7_400_000)
	same(t, "it is not", read(t, r, now.Add(2*time.Second)), Usage{0.2, 0.5})
	cpu(3_400_000, 8_400_000)
	same(t, "its neighbour uses half of the pod", read(t, r, now.Add(3*time.Second)), Usage{0.5, 0.5})

	files(t, dir, map[string]string{"root/pod/web/cpu.max": "100000 100000\n", "root/pod/web/memory.max": "max\n"})
	cpu(4_400_000, 9_400_000)
	same(t, "resized; memory is the machine's", read(t, r, now.Add(4*time.Second)), Usage{1, 1000.0 / (1000 * 1024)})

	files(t, dir, map[string]string{"root/pod/memory.max": "3000\n", "root/pod/memory.current": "3000\n", "root/pod/memory.stat": "inactive_file 300\n"})
	cpu(4_400_000, 9_400_000)
	same(t, "the pod's memory", read(t, r, now.Add(5*time.Second)), Usage{0, 0.9})

	if err := os.RemoveAll(filepath.Join(dir, "root/pod/web")); err != nil {
		t.Fatal(err)
	}
	if u, err := r.Read(now); !errors.Is(err, fs.ErrNotExist) || !math.IsNaN(u.CPU) || !strings.Contains(err.Error(), "root/pod/web") {
		t.Errorf("removed: %+v, %v", u, err)
	}
}

func TestCgroupWithoutLimits(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{"cpu.stat": "usage_usec 0\n"})
	r := newCgroup(t.TempDir(), dir)
	now := time.Unix(1000, 0)
	read(t, r, now)
	files(t, dir, map[string]string{"cpu.stat": "usage_usec " + strconv.Itoa(250_000*runtime.NumCPU()) + "\n"})
	same(t, "a quarter of the machine", read(t, r, now.Add(time.Second)), Usage{0.25, math.NaN()})
}

func TestOwnCgroup(t *testing.T) {
	proc, root := t.TempDir(), t.TempDir()
	files(t, root, map[string]string{"web/cgroup.type": "domain\n", "web/cgroup.procs": "", "web/cpu.stat": "usage_usec 0\n"})
	mounts := "30 23 0:26 / " + root + " rw - cgroup2 cgroup2 rw\n"
	files(t, proc, map[string]string{"self/cgroup": "0::/web\n", "self/mountinfo": mounts})
	r, err := ownCgroup(proc)
	if err != nil {
		t.Fatal(err)
	}
	if want := "cgroup " + filepath.Join(root, "web"); r.String() != want {
		t.Errorf("%s, want %s", r, want)
	}
	read(t, r, time.Unix(1000, 0))
	files(t, proc, map[string]string{"self/cgroup": "0::/\n"})
	if r, err := ownCgroup(proc); err == nil {
		t.Errorf("%s, want an error for the root", r)
	}
}

func TestCgroupPath(t *testing.T) {
	if _, err := Cgroup("web.service"); err == nil {
		t.Error("a relative path is taken")
	}
	r, err := Cgroup(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(time.Unix(1000, 0)); err == nil {
		t.Error("a cgroup that is not there is read")
	}
}

func TestMachine(t *testing.T) {
	proc := t.TempDir()
	files(t, proc, map[string]string{"meminfo": meminfo, "stat": "cpu 100 0 0 900 0 0 0 0 0 0\n"})
	r := newMachine(proc)
	same(t, "at first", read(t, r, time.Unix(1000, 0)), Usage{math.NaN(), 0.6})
	files(t, proc, map[string]string{"stat": "cpu 130 0 10 950 0 0 0 10 0 0\n"})
	same(t, "half", read(t, r, time.Unix(1001, 0)), Usage{0.5, 0.6})
	files(t, proc, map[string]string{"stat": "cpu 140 0 10 940 0 0 0 10 0 0\n"})
	same(t, "idle time went back", read(t, r, time.Unix(1002, 0)), Usage{math.NaN(), 0.6})
}

func TestProcessThatWasReplaced(t *testing.T) {
	proc := t.TempDir()
	files(t, proc, map[string]string{"meminfo": meminfo, "77/stat": aStat, "77/statm": "100 20 5 1 0 10 0\n"})
	r := newProcess(proc, 77)
	share := 20 * float64(os.Getpagesize()) / (1000 * 1024)
	same(t, "at first", read(t, r, time.Unix(1000, 0)), Usage{math.NaN(), share})
	files(t, proc, map[string]string{"77/stat": strings.ReplaceAll(aStat, "98765", "99999")})
	if _, err := r.Read(time.Unix(1001, 0)); !errors.Is(err, errReplaced) {
		t.Errorf("error %v, want %v", err, errReplaced)
	}
	if _, err := Process(0); err == nil {
		t.Error("process 0 is taken")
	}
}

// The real process, by both ways of reading it.
func TestRealProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	byID, err := Process(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own := ownProcess(procRoot)
	begun := time.Now()
	read(t, byID, begun)
	read(t, own, begun)
	before, err := ownTime()
	if err != nil {
		t.Fatal(err)
	}
	for sum := 0.0; ; sum += math.Sqrt(sum) {
		if used, _ := ownTime(); used-before > 300*time.Millisecond {
			break
		}
	}
	now := time.Now()
	cores := 0.3 / now.Sub(begun).Seconds()
	for what, u := range map[string]struct {
		Usage
		of int
	}{
		"by its id": {read(t, byID, now), affinity(os.Getpid())},
		"itself":    {read(t, own, now), runtime.GOMAXPROCS(0)},
	} {
		t.Logf("%s: %.3f of %d processors, %.4f of memory", what, u.CPU, u.of, u.Memory)
		if got := u.CPU * float64(u.of); got < cores*0.8 || got > cores*1.3+0.1 || !(u.Memory > 0 && u.Memory < 1) {
			t.Errorf("%s: %.3f cores, want about %.3f; memory %v", what, got, cores, u.Memory)
		}
	}
}

func TestRealProcessThatEnds(t *testing.T) {
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Skip(err)
	}
	r, err := Process(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_, before := r.Read(time.Now())
	_ = command.Process.Kill()
	_ = command.Wait()
	if _, err := r.Read(time.Now()); before != nil || err == nil {
		t.Errorf("errors %v while it ran, %v after", before, err)
	}
}

func TestRealMachineAndOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for _, r := range []*Reader{Machine(), Own()} {
		if u := read(t, r, time.Now()); !(u.Memory > 0 && u.Memory < 1) {
			t.Errorf("%s: memory %v", r, u.Memory)
		}
	}
}

// What one look at a process costs, of the ten in a second.
func BenchmarkOwn(b *testing.B) {
	r := Own()
	for b.Loop() {
		if _, err := r.Read(time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
