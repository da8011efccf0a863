package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sctp.test/framework/reach"
)

// times are those of the answered probes of a spec, by path. How long a denial takes our
// timers decide, so it is not worth a picture.
type times struct {
	paths map[pathName]*measured
}

type pathName struct {
	family         reach.Family
	client, server string
}

// measured are the times of some probes in microseconds.
type measured struct {
	connect, total []float64
}

// scale places times from one power of ten to another.
type scale struct {
	Width int
	Ticks []string // of each power of ten
	first float64  // exponent of the first
}

// width of a strip in its own units; it is stretched to the place there is, so that a unit
// is half a dot.
const width = 160

// crowd is how many probes are too many for dots.
const crowd = 40

// The heights of what is drawn in a strip.
const (
	connectHeight = 7
	totalHeight   = 17
	reachOfMedian = 4 // up and down from there
)

// timesOfPath is a line of the picture.
type timesOfPath struct {
	Name, Of                   string
	Crowd                      bool   // drawn as boxes: dots would cover each other
	Connect, Total, Medians    string // what SVG paths draw: dots, or the middle halves
	ConnectAll, TotalAll       string // from the fastest to the slowest, of a crowd
	ConnectMedian, TotalMedian string
}

func newTimes() *times { return &times{map[pathName]*measured{}} }

func (t *times) add(a reach.Asked) {
	if a.Evidence.Seen == nil || a.Twin || reach.Judge(a.Evidence).Outcome != reach.Answered {
		return
	}
	name := pathName{a.Family, a.Client, a.Server}
	if t.paths[name] == nil {
		t.paths[name] = &measured{}
	}
	m := t.paths[name]
	m.connect = append(m.connect, float64(a.Evidence.Seen.Connect))
	m.total = append(m.total, float64(a.Evidence.Seen.Total))
}

// newScale has place for all times of a run.
func newScale(all []*times) *scale {
	first, last := math.Inf(1), math.Inf(-1)
	for _, t := range all {
		for _, m := range t.paths {
			for _, us := range slices.Concat(m.connect, m.total) {
				e := math.Log10(max(us, 1))
				first, last = min(first, math.Floor(e)), max(last, math.Floor(e))
			}
		}
	}
	s := &scale{Width: width, first: first}
	for e := first; e <= last; e++ {
		s.Ticks = append(s.Ticks, duration(math.Pow(10, e)))
	}
	return s
}

// place is where a time stands on the scale.
func (s scale) place(us float64) int {
	return int(math.Round((math.Log10(max(us, 1)) - s.first) / float64(len(s.Ticks)) * width))
}

// draw makes a line for all paths together and one for each of the slowest, and says how
// many have none.
func (t *times) draw(s scale, maxPaths int) (lines []timesOfPath, faster string) {
	var names []pathName
	all := &measured{}
	for name, m := range t.paths {
		slices.Sort(m.connect)
		slices.Sort(m.total)
		names = append(names, name)
		all.connect, all.total = append(all.connect, m.connect...), append(all.total, m.total...)
	}
	slices.SortFunc(names, func(a, b pathName) int {
		return cmp.Or(cmp.Compare(quantile(t.paths[b].total, 0.5), quantile(t.paths[a].total, 0.5)), cmp.Compare(a.family, b.family),
			cmp.Compare(a.client, b.client), cmp.Compare(a.server, b.server))
	})
	if len(names) > 1 {
		slices.Sort(all.connect)
		slices.Sort(all.total)
		lines = append(lines, all.line(fmt.Sprintf("all %d paths", len(names)), "", s))
	}
	if len(names) == maxPaths+1 {
		maxPaths++ // to say that one is not drawn takes as much place
	}
	for _, n := range names[:min(len(names), maxPaths)] {
		lines = append(lines, t.paths[n].line(n.client+" → "+n.server, string(n.family)+", ", s))
	}
	if more := len(names) - maxPaths; more > 0 {
		faster = fmt.Sprintf("%d of %d paths", more, len(names))
	}
	return lines, faster
}

func (m *measured) line(name, family string, s scale) timesOfPath {
	probes := number(len(m.total), "probe")
	connect, total := quantile(m.connect, 0.5), quantile(m.total, 0.5)
	line := timesOfPath{
		Name: name, Of: family + probes,
		Connect: s.dots(m.connect, connectHeight), Total: s.dots(m.total, totalHeight),
		Medians:       s.bar(connect, connectHeight) + s.bar(total, totalHeight),
		ConnectMedian: duration(connect), TotalMedian: duration(total),
	}
	if len(m.total) > crowd {
		line.Crowd = true
		line.Connect, line.Total = s.part(m.connect, 0.25, 0.75, connectHeight), s.part(m.total, 0.25, 0.75, totalHeight)
		line.ConnectAll, line.TotalAll = s.part(m.connect, 0, 1, connectHeight), s.part(m.total, 0, 1, totalHeight)
	}
	return line
}

// dots draws sorted times as strokes without length, which have round ends. Those that
// would cover each other are drawn once.
func (s scale) dots(sorted []float64, height int) string {
	var b strings.Builder
	last := -1
	for _, us := range sorted {
		x := s.place(us)
		if x == last {
			continue
		}
		fmt.Fprintf(&b, "M%d %dh0", x, height)
		last = x
	}
	return b.String()
}

func (s scale) bar(us float64, height int) string {
	return fmt.Sprintf("M%d %dv%d", s.place(us), height-reachOfMedian, 2*reachOfMedian)
}

// part is a line over the part of sorted times between two quantiles.
func (s scale) part(sorted []float64, from, to float64, height int) string {
	return fmt.Sprintf("M%d %dH%d", s.place(quantile(sorted, from)), height, s.place(quantile(sorted, to)))
}

// quantile of sorted numbers, between two of them if need be.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// duration prints microseconds with two digits that count.
func duration(us float64) string {
	switch {
	case us < 999.5:
		return strconv.FormatFloat(us, 'f', 0, 64) + " µs"
	case us < 9950:
		return trimmed(us/1000) + " ms"
	case us < 999500:
		return strconv.FormatFloat(us/1000, 'f', 0, 64) + " ms"
	default:
		return trimmed(us/float64(time.Second/time.Microsecond)) + " s"
	}
}

func trimmed(f float64) string { return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") }
