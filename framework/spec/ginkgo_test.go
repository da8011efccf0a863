package spec

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

// fresh gives a test a registry of its own.
func fresh(t *testing.T) {
	before := registry
	registry = map[string]registered{}
	t.Cleanup(func() { registry = before })
}

// it builds a node as Ginkgo does, seen from the line that calls it.
func it(text string, args ...any) (string, []any, []error) {
	return transform(types.NodeTypeIt, 2, text, args)
}

func body(ginkgo.SpecContext) {}

func TestTransformMakesASpec(t *testing.T) {
	fresh(t)
	text, args, errs := it("spares others", good(), body)
	if len(errs) > 0 || text != "POL-03 spares others" {
		t.Fatalf("text %q, errors %v", text, errs)
	}
	if len(args) != 2 || slices.Contains(args, any(last)) {
		t.Errorf("arguments are %v, want the body and labels", args)
	}
	labels := args[1].(ginkgo.Labels)
	if !slices.Equal(labels, good().Labels()) {
		t.Errorf("labels are %q", labels)
	}
	c, ok := Of(labels)
	if !ok || c.ID != "POL-03" || c.Effect != Namespace || c.Pace != Fast || Text("POL-03") != "spares others" {
		t.Errorf("registered as %+v with text %q", c, Text("POL-03"))
	}
}

// Every spec has a limit, its own or the one for all.
func TestEverySpecEnds(t *testing.T) {
	Limit = time.Hour
	t.Cleanup(func() { Limit = 0 })
	limits := func(args ...any) (out []any) {
		fresh(t)
		_, args, errs := it("ends", append([]any{good(), body}, args...)...)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		return slices.DeleteFunc(args, func(a any) bool { _, limit := a.(ginkgo.NodeTimeout); return !limit })
	}
	if got := limits(); len(got) != 1 || got[0] != ginkgo.NodeTimeout(time.Hour) {
		t.Errorf("without a limit of its own it has %v", got)
	}
	if own := ginkgo.NodeTimeout(time.Minute); !slices.Equal(limits(own), []any{own}) {
		t.Errorf("with a limit of its own it has %v", limits(own))
	}
}

func TestEffectsBeyondNamespacesRunAlone(t *testing.T) {
	for _, effect := range []Effect{Node, Cluster} {
		fresh(t)
		c := good()
		c.Effect = effect
		if _, args, errs := it("x", c, body); len(errs) > 0 || !slices.Contains(args, any(last)) {
			t.Errorf("effect %s: arguments %v, errors %v", effect, args, errs)
		}
	}
}

func TestTransformRefuses(t *testing.T) {
	spoilt := good()
	spoilt.Source = ""
	tests := []struct {
		name string
		node types.NodeType
		args []any
		want string
	}{
		{"one that may fail first", types.NodeTypeIt, []any{good(), ginkgo.FlakeAttempts(2), body}, `"x": a spec is judged once: what fails and passes then is a failure`},
		{"one that must pass twice", types.NodeTypeIt, []any{good(), ginkgo.MustPassRepeatedly(2), body}, `"x": a spec is judged once: what fails and passes then is a failure`},
		{"no case", types.NodeTypeIt, []any{body}, `"x": an It needs exactly one spec.Case, not 0`},
		{"two cases", types.NodeTypeIt, []any{good(), good(), body}, `"x": an It needs exactly one spec.Case, not 2`},
		{"an incomplete case", types.NodeTypeIt, []any{spoilt, body}, "POL-03: the claim has no source"},
		{"a container with a case", types.NodeTypeContainer, []any{good(), body}, `"x": only an It takes a spec.Case`},
		{"focus", types.NodeTypeIt, []any{good(), body, ginkgo.Focus}, `"x": neither focused nor pending: choose specs with --focus`},
		{"a pending container", types.NodeTypeContainer, []any{body, ginkgo.Pending}, `"x": neither focused nor pending: choose specs with --focus`},
		{"nothing: a container", types.NodeTypeContainer, []any{body}, ""},
		{"nothing: a hook", types.NodeTypeBeforeEach, []any{body}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fresh(t)
			text, _, errs := transform(tt.node, 1, "x", tt.args)
			switch {
			case tt.want == "" && (len(errs) > 0 || text != "x"):
				t.Errorf("text %q, errors %v", text, errs)
			case tt.want != "" && (len(errs) != 1 || errs[0].Error() != tt.want):
				t.Errorf("errors are %v, want %s", errs, tt.want)
			case len(registry) > 0:
				t.Errorf("registered nevertheless: %v", registry)
			}
		})
	}
}

func TestOneIDIsOneSpec(t *testing.T) {
	fresh(t)
	for range 2 { // as often as the tree is built
		if _, _, errs := it("x", good(), body); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	_, _, errs := it("x", good(), body) // elsewhere
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "POL-03 stands for two specs") || strings.Count(errs[0].Error(), "ginkgo_test.go:") != 2 {
		t.Errorf("the same text at another line: %v", errs)
	}
	fresh(t)
	for i, text := range []string{"one", "two"} {
		_, _, errs := it(text, good(), body)
		if twice := len(errs) > 0; twice != (i == 1) {
			t.Errorf("text %q at the same line: %v", text, errs)
		}
	}
}

func TestOf(t *testing.T) {
	fresh(t)
	for _, labels := range [][]string{nil, {"Serial"}, {"Spec: POL-99"}, {"Level: core"}} {
		if c, ok := Of(labels); ok {
			t.Errorf("%q is taken for %+v", labels, c)
		}
	}
}

func TestCatalogue(t *testing.T) {
	fresh(t)
	second := Case{ID: "POL-20", Level: Extended, Effect: Node, Claim: "It MAY.", Source: "there"}
	first := Case{ID: "MOD-01", Level: Core, Claim: "It MUST.", Source: "here"}
	for _, c := range []Case{second, good(), first} {
		if _, _, errs := it("x", c, body); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	const want = `# Catalogue

Every claim the suite judges. Made from the specs by ` + "`make generate`" + `; do not edit.

## module

| ID | level | needs | effect | pods | claim | source |
|---|---|---|---|---|---|---|
| MOD-01 | core |  | namespace | shared | It MUST. | here |

## policy

| ID | level | needs | effect | pods | claim | source |
|---|---|---|---|---|---|---|
| POL-03 | core | two-nodes, network-policy | namespace | shared | A policy MUST NOT touch other pods. | networking.k8s.io/v1 |
| POL-20 | extended |  | node | shared | It MAY. | there |
`
	if got := Catalogue(); got != want {
		t.Errorf("the catalogue is\n%s\nwant\n%s", got, want)
	}
	if got := IDs(); !slices.Equal(got, []string{"MOD-01", "POL-03", "POL-20"}) {
		t.Errorf("IDs are %v", got)
	}
}

// A real It, so that Ginkgo itself says what the transformer is given.
func TestGinkgoCallsTheTransformer(t *testing.T) {
	fresh(t)
	ginkgo.It("is real", good(), body)
	r := registry["POL-03"]
	if r.text != "is real" || !strings.Contains(r.at, "framework/spec/ginkgo_test.go:") {
		t.Errorf("registered with text %q at %s", r.text, r.at)
	}
}
