package module

import (
	"strings"
	"testing"
)

// The loader's report is found wherever its complaint stands, and its absence is told with what
// there was instead.
func TestReported(t *testing.T) {
	const report, complaint = "{\"after\":true}\n", "sctp-agent: the module is not loaded\n"
	for _, log := range []string{report, report + complaint, complaint + report} {
		if h, err := reported(strings.NewReader(log)); err != nil || !h.After {
			t.Errorf("of %q: %+v, %v", log, h, err)
		}
	}
	for _, log := range []string{"", complaint, "{\n"} {
		if _, err := reported(strings.NewReader(log)); err == nil || log == complaint && !strings.Contains(err.Error(), "the module is not loaded") {
			t.Errorf("of %q: %v", log, err)
		}
	}
}
