package machine

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// worked is the processor time of this process, by another way.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// How long the loop takes is not its own affair; what it works in it is.
func TestMeterSeesABusyLoop(t *testing.T) {
	if _, err := CPUTime(os.Getpid()); err != nil {
		t.Skip(err)
	}
	const work, step = 200 * time.Millisecond, 30 * time.Millisecond // of what the system counts in
	before, begun := worked(t), time.Now()
	m := NewMeter(os.Getpid())
	there := time.Now()
	for until := worked(t) + work; worked(t) < until; {
		_ = math.Sqrt(2)
	}
	short := time.Since(there).Seconds()
	cores := m.Cores()
	most, long := worked(t)-before, time.Since(begun).Seconds()
	if cores*long < (work-step).Seconds() || cores > (most+step).Seconds()/short {
		t.Errorf("%v to %v of work in %.3f s are %.3f cores", work, most, long, cores)
	}
}

func TestMeterOfNobody(t *testing.T) {
	if cores := NewMeter(1 << 30).Cores(); !math.IsNaN(cores) {
		t.Errorf("cores of a process that is not there: %v, want NaN", cores)
	}
}

func TestNeedFiles(t *testing.T) {
	if err := NeedFiles(1); err != nil {
		t.Error(err)
	}
	if n, err := Connections(); err != nil || n <= 0 || NeedFiles(n) != nil || NeedFiles(n+1) == nil {
		t.Errorf("%d connections, error %v", n, err)
	}
	if err := NeedFiles(1 << 40); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("error %v does not say what to do", err)
	}
}
