package lanes

import (
	"strings"
	"testing"
)

// Whatever stands in lanes.yaml, it is refused, or each lane is a list with a comment before it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("lanes: [{name: a, reason: '%s.', labels: '!x', minutes: 1, bed: {nodes: 2, family: dual, proxy: ipvs}}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lanes, err := parse(raw)
		if err != nil {
			return
		}
		for _, l := range lanes {
			list, err := l.List(tree)
			if err != nil {
				continue // it selects nothing
			}
			comments, specs := 0, 0
			for line := range strings.Lines(list) {
				if strings.HasPrefix(line, "#") && specs == 0 {
					comments++
				} else {
					specs++
				}
			}
			if comments != 4 || specs < 1 || specs > len(tree) || !strings.Contains(list, l.Labels) {
				t.Errorf("lane %+v is\n%s", l, list)
			}
		}
	})
}
