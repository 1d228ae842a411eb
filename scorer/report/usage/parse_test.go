package usage

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseCPUMax(t *testing.T) {
	for text, want := range map[string]float64{
		"max 100000\n":    math.Inf(1),
		"50000 100000\n":  0.5,
		"250000 100000":   2.5,
		"":                math.NaN(),
		"max":             math.NaN(),
		"0 100000":        math.NaN(),
		"100000 0":        math.NaN(),
		"-1 100000":       math.NaN(),
		"100000 100000 1": math.NaN(),
	} {
		got, err := parseCPUMax(text)
		if math.IsNaN(want) != (err != nil) || (err == nil && got != want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseCPUList(t *testing.T) {
	for text, want := range map[string]int{
		"0-3,8\n": 5, "0": 1, "0-0": 1, "2,4-5": 3,
		"": -1, "3-1": -1, "a": -1, "0-70000": -1, "1,": -1,
	} {
		got, err := parseCPUList(text)
		if (want < 0) != (err != nil) || (err == nil && got != want) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseCPUStat(t *testing.T) {
	got, err := parseCPUStat("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 0\n")
	if got != 1500*time.Millisecond || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "user_usec 1\n", "usage_usec\n", "usage_usec x\n", "usage_usec 18446744073709551615\n"} {
		if got, err := parseCPUStat(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

const aStat = "1234 (a ) b) R 1 1234 1234 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 98765 1000000 500 18446744073709551615\n"

func TestParseProcessStat(t *testing.T) {
	got, err := parseProcessStat(aStat)
	if want := (processStat{3 * time.Second, 98765}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, text := range []string{"", "1234 (a) R 1", strings.ReplaceAll(aStat, "250", "x"), strings.ReplaceAll(aStat, "250", "18446744073709551615")} {
		if got, err := parseProcessStat(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

func TestParseMachineStat(t *testing.T) {
	total, idle, err := parseMachineStat("cpu  100 5 45 800 30 5 5 10 50 0\ncpu0 1 1 1 1\n")
	if total != 1000 || idle != 830 || err != nil {
		t.Errorf("total %d, idle %d, %v; want 1000, 830: what guests use is in user time already", total, idle, err)
	}
	for _, text := range []string{"", "cpu", "cpu0 1 2 3 4", "cpu 1 2 3 x"} {
		if _, _, err := parseMachineStat(text); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

func TestCgroupDir(t *testing.T) {
	const mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
	for _, test := range []struct{ name, member, mounts, want string }{
		{"a service", "0::/system.slice/web.service\n", mount, "/sys/fs/cgroup/system.slice/web.service"},
		{"a container", "0::/\n", mount, "/sys/fs/cgroup"},
		{"hybrid", "2:cpu:/x\n0::/user.slice\n", "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified/user.slice"},
		{"a part is mounted", "0::/pod/a/child\n", strings.Replace(mount, " / /sys", " /pod/a /sys", 1), "/sys/fs/cgroup/child"},
		{"another part is mounted", "0::/pod/ab\n", strings.Replace(mount, " / /sys", " /pod/a /sys", 1), "/sys/fs/cgroup"},
		{"outside of the namespace", "0::/../../other\n", mount, ""}, // what has the name other below the mount is another one
		{"a name with dots", "0::/..other\n", mount, "/sys/fs/cgroup/..other"},
		{"a blank", "0::/a b\n", strings.Replace(mount, "/sys/fs/cgroup", `/my\040cgroups`, 1), "/my cgroups/a b"},
		{"version 1", "2:cpu:/x\n", mount, ""},
		{"not mounted", "0::/x\n", "30 23 0:26 / /proc rw - proc proc rw\n", ""},
	} {
		got, ok := cgroupDir(test.member, test.mounts)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		aStat, "max 100000\n", "50000 100000", "usage_usec 1500000\n", "0-3,8\n", "0-4294967295", "cpu  1 2 3 4 5 6 7 8 9 0\n",
		"0::/a\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "MemTotal: 16 kB\n", ")))", "1 () ", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := parseCPUMax(text); err == nil && !(v > 0) {
			t.Errorf("cpu.max %q: %v processors", text, v)
		}
		if v, err := parseCPUStat(text); err == nil && v < 0 {
			t.Errorf("cpu.stat %q: %v", text, v)
		}
		if n, err := parseCPUList(text); err == nil && (n < 1 || n > 2*maxCPU) {
			t.Errorf("list %q: %d processors", text, n)
		}
		if s, err := parseProcessStat(text); err == nil && s.used < 0 {
			t.Errorf("stat %q: %v", text, s.used)
		}
		if v, err := parseBytes(text); err == nil && !(v >= 0) {
			t.Errorf("bytes %q: %v", text, v)
		}
		_, _, _ = parseMachineStat(text)
		_, _ = fieldOf(text, "MemTotal:")
		if dir, ok := cgroupDir(text, text); ok && strings.Contains(dir, "/../") {
			t.Errorf("cgroup %q: %q", text, dir)
		}
	})
}
