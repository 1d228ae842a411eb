package machine

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMeterSeesABusyLoop(t *testing.T) {
	m := NewMeter(os.Getpid())
	if _, err := CPUTime(os.Getpid()); err != nil {
		t.Skip(err)
	}
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); {
		_ = math.Sqrt(2)
	}
	if cores := m.Cores(); cores <= 0.05 {
		t.Errorf("a busy loop used %.3f cores", cores)
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
