package marks

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// Beside pools and policies stand MachineConfigs: they go while what they were made for is there.
func TestUnwind(t *testing.T) {
	left := []Mark{{Kind: File, Object: "a"}, {Kind: Pause, Object: "worker"}, {Kind: Role, Object: "a"}, {Kind: Pool, Object: "sctp-1"}, {Kind: Policy, Object: "cluster"}}
	stuck := errors.New("stuck")
	tests := []struct {
		name  string
		fails string // the step that does
		gone  bool
		want  string
		err   bool
	}{
		{"all", "", true, "file pause configs role pool policy", false},
		{"what holds a roll-out stays", "pause", true, "file pause", true},
		{"the MachineConfigs stay", "configs", false, "file pause configs", true},
		{"they are gone, and nodes are not as they were", "configs", true, "file pause configs role pool policy", true},
		{"the node does not move", "role", true, "file pause configs role", true},
	}
	for _, tt := range tests {
		var did []string
		step := func(name string) error {
			did = append(did, name)
			if name == tt.fails {
				return stuck
			}
			return nil
		}
		err := Unwind(left, func(m Mark) error { return step(string(m.Kind)) }, func() (bool, error) { return tt.gone, step("configs") })
		if got := strings.Join(did, " "); got != tt.want || errors.Is(err, stuck) != tt.err {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}

func TestMarksOfTheDead(t *testing.T) {
	all := []Mark{{Kind: Pause, Object: "worker", Run: "dead"}, {Kind: Role, Object: "a", Run: "lives"}, {Kind: Policy, Object: "cluster", Run: "dead"}}
	var asked []string
	got, err := OfDead(all, func(run string) (bool, error) {
		asked = append(asked, run)
		return run == "lives", nil
	})
	if err != nil || len(got) != 2 || got[0].Kind != Pause || got[1].Kind != Policy || !slices.Equal(asked, []string{"dead", "lives"}) {
		t.Errorf("of the dead are %v, %v; asked about %v", got, err, asked)
	}
	// One that cannot be asked about is nobody's death.
	if got, err := OfDead(all, func(string) (bool, error) { return false, errors.New("refused") }); err == nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}
