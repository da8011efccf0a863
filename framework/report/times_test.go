package report

import (
	"strings"
	"testing"
)

// path has a median of whole probes, in microseconds.
func path(t *times, name string, us ...float64) {
	t.paths[pathName{"ipv4", "c", name}] = &measured{connect: []float64{us[0] / 2}, total: us}
}

func TestSlowestPathsFirst(t *testing.T) {
	seen := newTimes()
	path(seen, "a", 1000)
	path(seen, "b", 3000)
	path(seen, "c", 2000)
	path(seen, "d", 500)
	lines, faster := seen.draw(*newScale([]*times{seen}), 2)
	var names []string
	for _, l := range lines {
		names = append(names, l.Name)
	}
	if got := strings.Join(names, ", "); got != "all 4 paths, c → b, c → c" || faster != "2 of 4 paths" {
		t.Errorf("lines are %s; faster are %s", got, faster)
	}
	if lines[1].ConnectMedian != "1.5 ms" || lines[1].TotalMedian != "3 ms" || lines[1].Of != "ipv4, 1 probe" {
		t.Errorf("the slowest is %+v", lines[1])
	}
}

func TestNoTimesNoPicture(t *testing.T) {
	none := newTimes()
	if lines, faster := none.draw(*newScale([]*times{none}), 6); len(lines) > 0 || faster != "" {
		t.Errorf("lines are %v", lines)
	}
}

// Powers of ten stand at the lines of the page's grid, whatever else was measured.
func TestScale(t *testing.T) {
	seen := newTimes()
	path(seen, "a", 1000, 90_000)
	s := newScale([]*times{newTimes(), seen})
	if got := strings.Join(s.Ticks, " "); got != "100 µs 1 ms 10 ms" {
		t.Fatalf("ticks are %s", got)
	}
	for us, want := range map[float64]int{100: 0, 1000: 53, 10_000: 107, 100_000: 160} {
		if got := s.place(us); got != want {
			t.Errorf("%v stands at %d, want %d", us, got, want)
		}
	}
	if got := s.dots([]float64{100, 100.1, 1000}, 7); got != "M0 7h0M53 7h0" {
		t.Errorf("dots are %s", got)
	}
}

func TestACrowdIsDrawnAsBoxes(t *testing.T) {
	m := &measured{}
	for i := range crowd + 1 {
		m.connect, m.total = append(m.connect, float64(100+i)), append(m.total, 1000*float64(1+i))
	}
	l := m.line("all", "", scale{Ticks: make([]string, 3), first: 2})
	if !l.Crowd || l.TotalAll != "M53 17H139" || l.Total != "M109 17H133" || l.TotalMedian != "21 ms" || l.ConnectMedian != "120 µs" {
		t.Errorf("the line is %+v", l)
	}
}

func TestQuantile(t *testing.T) {
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 1: 4} {
		if got := quantile([]float64{1, 2, 3, 4}, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := quantile([]float64{7}, 0.5); got != 7 {
		t.Errorf("the median of one is %v", got)
	}
}

func TestDuration(t *testing.T) {
	for us, want := range map[float64]string{7: "7 µs", 999: "999 µs", 999.7: "1 ms", 1040: "1 ms", 9940: "9.9 ms", 41_300: "41 ms", 999_600: "1 s", 1_650_000: "1.6 s"} {
		if got := duration(us); got != want {
			t.Errorf("%v µs is %q, want %q", us, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for s, want := range map[float64]string{150: "2m30s", 0: "0.0 s", 9.94: "9.9 s", 65.2: "65 s", 125: "2m5s", 180: "3m", 3600: "1h0m"} {
		if got := span(s); got != want {
			t.Errorf("%v s is %q, want %q", s, got, want)
		}
	}
}
