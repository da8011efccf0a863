package reach

import (
	"slices"
	"testing"

	"sctp.test/framework/wire"
)

// TestAdmits is the whole product of words and findings: a word admits the findings in
// its row and no others.
func TestAdmits(t *testing.T) {
	findings := map[string]Finding{
		"answered":               {Outcome: Answered},
		"answered, flawed":       {Outcome: Answered, Flaws: []string{"by another server"}},
		"silent":                 {Outcome: Silent, Connecting: true},
		"refused":                {Outcome: Refused, Connecting: true},
		"unreachable":            {Outcome: Unreachable, Connecting: true},
		"silent, connected":      {Outcome: Silent, Stage: wire.StageEcho},
		"refused, connected":     {Outcome: Refused, Stage: wire.StageSend},
		"unreachable, connected": {Outcome: Unreachable, Stage: wire.StageEcho},
		"unsupported, socket":    {Outcome: Unsupported, Stage: wire.StageSocket},
		"unsupported, connect":   {Outcome: Unsupported, Connecting: true},
		"broken":                 {Outcome: Broken},
		"broken, connecting":     {Outcome: Broken, Connecting: true},
		"not judged":             {},
	}
	admitted := map[Word][]string{
		"answered":    {"answered"},
		"denied":      {"silent", "refused", "unreachable"},
		"silent":      {"silent"},
		"refused":     {"refused"},
		"unreachable": {"unreachable"},
		"unsupported": {"unsupported, socket", "unsupported, connect"},
		"broken":      nil, // no table may say it, and even then
	}
	for w, want := range admitted {
		for name, f := range findings {
			if got := w.Admits(f); got != slices.Contains(want, name) {
				t.Errorf("%s admits a finding that is %s: %v", w, name, got)
			}
		}
	}
	for name, f := range findings {
		if !NotAsked.Admits(f) {
			t.Errorf("a cell that is not asked cannot be wrong, but is when %s", name)
		}
	}
	for _, w := range words {
		if _, ok := admitted[w]; !ok && w != NotAsked {
			t.Errorf("the word %q has no row in this test", w)
		}
	}
}

func TestDenies(t *testing.T) {
	for w, want := range map[Word]bool{
		"denied": true, "silent": true, "refused": true, "unreachable": true,
		"answered": false, "unsupported": false, "broken": false, "-": false, "": false,
	} {
		if got := w.Denies(); got != want {
			t.Errorf("%q denies: %v, want %v", w, got, want)
		}
	}
}

// Broken is ours, never the cluster's: a table that could expect it would pass when we
// cannot ask.
func TestNoTableMayExpectBroken(t *testing.T) {
	if slices.Contains(words, Word(Broken)) {
		t.Error("broken is a word of tables")
	}
}
