package realtime

import (
	"os/exec"
	"strings"
	"testing"
)

// Whatever is said to be in force is, for children too; a refusal has a reason.
func TestEnter(t *testing.T) {
	class, err := Enter()
	if (class == Normal) != (err != nil) {
		t.Fatalf("%v and %v", class, err)
	}
	t.Logf("%v, %v", class, err)
	if class == Normal {
		return
	}
	again, err := Enter()
	if err != nil || again != RoundRobin {
		t.Errorf("the second time: %v, %v", again, err)
	}
	stat, err := exec.CommandContext(t.Context(), "cat", "/proc/self/stat").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Fields 40 and 41 of stat(5) are the priority and the policy.
	fields := strings.Fields(string(stat))
	if fields[39] != "1" || fields[40] != "2" {
		t.Errorf("a child has priority %s and policy %s, want 1 and 2 (round robin)", fields[39], fields[40])
	}
}
