package spec

import (
	"slices"
	"testing"
)

// good is complete; tests spoil a copy.
func good() Case {
	return Case{
		ID: "POL-03", Level: Core, Needs: Needs{TwoNodes, NetworkPolicy},
		Claim: "A policy MUST NOT touch other pods.", Source: "networking.k8s.io/v1",
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Case)
		want  string // "" is no error
	}{
		{"complete", func(*Case) {}, ""},
		{"MAY", func(c *Case) { c.Claim = "A node MAY drop it." }, ""},
		{"all that may be said", func(c *Case) { c.Effect, c.Pace = Cluster, Slow }, ""},
		{"no ID", func(c *Case) { c.ID = "" }, `spec ID "" is not of a known chapter, as in POL-03`},
		{"unknown chapter", func(c *Case) { c.ID = "XYZ-01" }, `spec ID "XYZ-01" is not of a known chapter, as in POL-03`},
		{"one digit", func(c *Case) { c.ID = "POL-3" }, `spec ID "POL-3" is not of a known chapter, as in POL-03`},
		{"three digits", func(c *Case) { c.ID = "POL-003" }, `spec ID "POL-003" is not of a known chapter, as in POL-03`},
		{"lower case", func(c *Case) { c.ID = "pol-03" }, `spec ID "pol-03" is not of a known chapter, as in POL-03`},
		{"no level", func(c *Case) { c.Level = "" }, `POL-03: unknown level ""`},
		{"unknown level", func(c *Case) { c.Level = "Core" }, `POL-03: unknown level "Core"`},
		{"unknown effect", func(c *Case) { c.Effect = "nodes" }, `POL-03: unknown effect "nodes"`},
		{"unknown pods", func(c *Case) { c.Pods = "mine" }, `POL-03: unknown pods "mine"`},
		{"unknown pace", func(c *Case) { c.Pace = "medium" }, `POL-03: unknown pace "medium"`},
		{"no claim", func(c *Case) { c.Claim = "" }, `POL-03: the claim is not a sentence with MUST, MUST NOT or MAY: ""`},
		{"a claim that claims nothing", func(c *Case) { c.Claim = "It works." }, `POL-03: the claim is not a sentence with MUST, MUST NOT or MAY: "It works."`},
		{"a must in lower case", func(c *Case) { c.Claim = "It must work." }, `POL-03: the claim is not a sentence with MUST, MUST NOT or MAY: "It must work."`},
		{"a word that only contains it", func(c *Case) { c.Claim = "MUSTARD is hot." }, `POL-03: the claim is not a sentence with MUST, MUST NOT or MAY: "MUSTARD is hot."`},
		{"no full stop", func(c *Case) { c.Claim = "It MUST work" }, `POL-03: the claim is not a sentence with MUST, MUST NOT or MAY: "It MUST work"`},
		{"no source", func(c *Case) { c.Source = "" }, "POL-03: the claim has no source"},
		{"a claim of two lines", func(c *Case) { c.Claim = "It\nMUST work." }, "POL-03: claim and source stand in a row of the catalogue: no line break and no | in them"},
		{"a source with a bar", func(c *Case) { c.Source = "a|b" }, "POL-03: claim and source stand in a row of the catalogue: no line break and no | in them"},
		{"unknown need", func(c *Case) { c.Needs = Needs{"nodes"} }, `POL-03: unknown need "nodes"`},
		{"a need twice", func(c *Case) { c.Needs = Needs{TwoNodes, NetworkPolicy, TwoNodes} }, `POL-03: need "two-nodes" stands twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.spoil(&c)
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("error is %v\nwant      %s", err, tt.want)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	tests := []struct {
		name string
		c    Case
		want []string
	}{
		{"defaults", good(), []string{
			"Spec: POL-03", "Chapter: policy", "Level: core", "Effect: namespace", "Pace: fast", "Pods: shared",
			"Needs: two-nodes", "Needs: network-policy",
		}},
		{"nothing left out", Case{ID: "MOD-07", Level: Extended, Effect: Node, Pace: Slow, Pods: Own}, []string{
			"Spec: MOD-07", "Chapter: module", "Level: extended", "Effect: node", "Pace: slow", "Pods: own",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Labels(); !slices.Equal(got, tt.want) {
				t.Errorf("labels are %q\nwant       %q", got, tt.want)
			}
		})
	}
}

func TestChapter(t *testing.T) {
	for id, want := range map[string]string{
		"MOD-01": "module", "POD-01": "pod", "SVC-01": "service", "POL-01": "policy",
		"MSG-01": "message", "ASC-01": "association", "PRF-01": "performance",
		"XXX-01": "", "POL-": "", "": "", "POL-01x": "",
	} {
		if got := (Case{ID: id}).Chapter(); got != want {
			t.Errorf("%q is of chapter %q, want %q", id, got, want)
		}
	}
}
