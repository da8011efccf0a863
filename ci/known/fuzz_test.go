package known

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// Whatever stands in a list, it is refused, or says the same when it is written again, and each of
// its patterns can be asked for.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("network: a\nlimitations: []\n"))
	f.Add([]byte("network: a\nlimitations: [{spec: 'A-[a-]', reason: x, link: 'http://[::1'}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parse("f", raw)
		if err != nil {
			return
		}
		text, err := yaml.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parse("f", text); err != nil || len(again.Limitations) != len(l.Limitations) || again.Network != l.Network {
			t.Errorf("%+v is written as %q and read as %+v, %v", l, text, again, err)
		}
		for _, m := range l.Limitations {
			_ = l.Check([]string{m.Spec})
			if m.matches("POD-01") {
				if _, ok := l.Find("POD-01"); !ok {
					t.Errorf("POD-01 is listed as %q and not found", m.Spec)
				}
			}
		}
	})
}
