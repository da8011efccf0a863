package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"sctp.test/framework/lab"
)

// tally is what was found on paths, for the report. The zero value has nothing.
type tally struct {
	mu    sync.Mutex
	paths map[string][]string // by what was found
}

// note keeps what was found on a path.
func (t *tally) note(p *path, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paths == nil {
		t.paths = map[string][]string{}
	}
	found := fmt.Sprintf(format, args...)
	t.paths[found] = append(t.paths[found], p.String())
}

// mostPaths are named beside what was found on them; of more the number is told.
const mostPaths = 4

// report puts a sentence for each finding into the report, that of the most paths first.
func (t *tally) report(l *lab.Lab) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []string
	for f := range t.paths {
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b string) int {
		if d := len(t.paths[b]) - len(t.paths[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, f := range found {
		where := fmt.Sprintf("%d paths", len(t.paths[f]))
		if len(t.paths[f]) <= mostPaths {
			slices.Sort(t.paths[f])
			where = strings.Join(t.paths[f], ", ")
		}
		l.Measured("%s: %s", f, where)
	}
}
