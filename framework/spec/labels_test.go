package spec

import (
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

func TestLabelsByHand(t *testing.T) {
	const second = ": each spec has one from its spec.Case"
	for _, c := range []struct{ label, want string }{
		{"slow", `unknown key "slow": want one of Chapter, Effect, Level, Needs, Pace, Pods, Spec`},
		{"Color: red", `unknown key "Color": want one of `},
		{"pace: slow", `unknown key "pace": want one of `},
		{"", `unknown key "": want one of `},
		{"Spec: POL-3", `unknown value "POL-3"`},
		{"Chapter: policies", `unknown value "policies"`},
		{"Level: basic", `unknown value "basic"`},
		{"Needs: nodes", `unknown value "nodes"`},
		{"Effect: nodes", `unknown value "nodes"`},
		{"Pace: medium", `unknown value "medium"`},
		{"Pace", `unknown value ""`},
		{"Spec: POL-04", "a second Spec" + second},
		{"Chapter: policy", "a second Chapter" + second},
		{"Level: core", "a second Level" + second},
		{"Effect: namespace", "a second Effect" + second},
		{"Pace:slow", "a second Pace" + second},
		{"Needs: two-nodes", "a need stands in the spec.Case, or nobody looks at it"},
	} {
		for node, args := range map[types.NodeType][]any{
			types.NodeTypeIt:        {good(), ginkgo.Label(c.label), body},
			types.NodeTypeContainer: {ginkgo.Serial, ginkgo.Label(c.label), body},
		} {
			fresh(t)
			_, _, errs := transform(node, 1, "x", args)
			want := `"x": label "` + c.label + `": ` + c.want
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) || strings.Contains(errs[0].Error(), "\n") {
				t.Errorf("%s: errors are %v, want %s", node, errs, want)
			}
			if len(registry) > 0 {
				t.Errorf("%s with label %q: registered nevertheless", node, c.label)
			}
		}
	}
}

// One bad label among others is found, wherever it stands.
func TestEveryLabelIsLookedAt(t *testing.T) {
	for _, args := range [][]any{
		{ginkgo.Label("Pace: slow", "x"), body},
		{ginkgo.Label(), ginkgo.Label("x"), body},
	} {
		if _, _, errs := transform(types.NodeTypeContainer, 1, "x", args); len(errs) != 1 {
			t.Errorf("%v: errors are %v", args, errs)
		}
	}
	if _, _, errs := transform(types.NodeTypeContainer, 1, "x", []any{ginkgo.Label(), body}); len(errs) > 0 {
		t.Errorf("no label at all: %v", errs)
	}
}

// The labels that a Case makes are those that the closed list has.
func TestLabelsOfACaseAreKnown(t *testing.T) {
	c := good()
	for id := range chapters {
		c.ID = id + "-01"
		for _, l := range c.Labels() {
			key, value, _ := strings.Cut(l, ": ")
			if knows, ok := keys[key]; !ok || !knows(value) {
				t.Errorf("%s is not in the closed list", l)
			}
		}
	}
}
