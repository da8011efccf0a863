package known

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const link = "https://example.org/issues/1"

// example is a list as people write it.
const example = `
network: some-net
limitations:
- spec: SVC-02
  reason: it does not rewrite ports
  link: https://example.org/issues/1
- spec: POL-1*
  reason: it reads no endPort
  link: https://example.org/issues/2
`

func TestParse(t *testing.T) {
	l, err := parse("some.yaml", []byte(example))
	want := List{Network: "some-net", File: "some.yaml", Limitations: []Limitation{
		{"SVC-02", "it does not rewrite ports", link},
		{"POL-1*", "it reads no endPort", "https://example.org/issues/2"},
	}}
	if err != nil || !reflect.DeepEqual(l, want) {
		t.Errorf("read %+v, %v, want %+v", l, err, want)
	}
	if l, err := parse("some.yaml", []byte("network: a\nlimitations: []\n")); err != nil || len(l.Limitations) > 0 {
		t.Errorf("an empty list: %+v, %v", l, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for old, c := range map[string]struct{ instead, want string }{
		"network: some-net":         {"network: Some Net", `some.yaml: network "Some Net": want a name in lower case, such as cilium`},
		"network: some-net\n":       {"", `some.yaml: network "": want a name`},
		"limitations:":              {"limits:", `unknown field "limits"`},
		"- spec: SVC-02\n  reason:": {"- why: x\n  spec: SVC-02\n  reason:", `unknown field "why"`},
		"spec: POL-1*":              {`spec: ""`, "some.yaml: limitation 2: it names no spec"},
		"spec: SVC-02":              {"spec: SVC-[", `some.yaml: limitation 1: spec "SVC-[": syntax error in pattern`},
		"it reads no endPort":       {"' '", "some.yaml: limitation 2: POL-1* has no reason"},
		"  link: " + link + "\n":    {"", "some.yaml: limitation 1: SVC-02 has no link"},
		"link: " + link:             {"link: issue 1", `link "issue 1": want an address`},
		"reason: it reads":          {"spec: POL-20\n  reason: it reads", `"spec" already set in map`},
	} {
		text := strings.Replace(example, old, c.instead, 1)
		if text == example {
			t.Fatalf("%q is not in the example", old)
		}
		if l, err := parse("some.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q: %+v, error %v, want %s", c.instead, l, err, c.want)
		}
	}
}

func TestFindAndCheck(t *testing.T) {
	l, err := parse("some.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"SVC-02": "SVC-02", "POL-10": "POL-1*", "POL-19": "POL-1*", "POL-20": "", "SVC-01": ""} {
		if m, ok := l.Find(id); m.Spec != want || ok != (want != "") {
			t.Errorf("%s is listed as %q, %v, want %q", id, m.Spec, ok, want)
		}
	}
	if m, ok := (List{}).Find("SVC-02"); ok {
		t.Errorf("the empty list has %+v", m)
	}
	for _, c := range []struct{ ids, extra, want string }{
		{"POL-10 SVC-02", "", ""},
		{"POL-10 POL-19 POL-20 SVC-01 SVC-02", "", ""},
		{"POL-10 SVC-01", "", "some.yaml: there is no spec SVC-02"},
		{"POL-20 SVC-02", "", "some.yaml: there is no spec POL-1*"},
		{"POL-10 SVC-02", "*-02", "some.yaml: SVC-02 is listed twice, as SVC-02 and as *-02"},
	} {
		more := l
		if c.extra != "" {
			more.Limitations = append(more.Limitations[:2:2], Limitation{c.extra, "x", link})
		}
		text := ""
		if err := more.Check(strings.Fields(c.ids)); err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("among %s: %q, want %q", c.ids, text, c.want)
		}
	}
}

func TestNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err := Named(file); err != nil || l.Network != "some-net" || l.File != file {
		t.Errorf("a file: %+v, %v", l, err)
	}
	if l, err := Named("cilium"); err != nil || l.File != "ci/known/cilium.yaml" {
		t.Errorf("an embedded list: %+v, %v", l, err)
	}
	if _, err := Named(file + ".bak"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no such file: %v", err)
	}
	const want = `there is no list of known limitations "token-ring": want auto, none, the path of a file, or one of `
	if _, err := Named("token-ring"); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("no such list: %v", err)
	}
}

// Every embedded list can be read under its name.
func TestEmbedded(t *testing.T) {
	if len(Names()) == 0 {
		t.Error("there is no embedded list")
	}
	for _, name := range Names() {
		if l, err := Of(name); err != nil || l.Network != name || len(l.Limitations) == 0 {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	for _, name := range []string{"", "token-ring", "../known/cilium"} {
		if l, err := Of(name); err != nil || len(l.Limitations) > 0 {
			t.Errorf("network %q: %+v, %v", name, l, err)
		}
	}
}
