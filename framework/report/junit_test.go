package report

import (
	"encoding/xml"
	"strings"
	"testing"

	"sctp.test/framework/spec"
)

func TestJUnit(t *testing.T) {
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="sctp" tests="2" failures="1" errors="0" skipped="0" time="83.400" timestamp="2026-05-04T03:02:01">
  <properties>
    <property name="kubernetes" value="v1.37.2"></property>
    <property name="kernel" value="6.12"></property>
    <property name="cni" value="kindnet"></property>
    <property name="proxyMode" value="nftables"></property>
    <property name="families" value="ipv4, ipv6"></property>
    <property name="mtu" value="1450"></property>
    <property name="image" value="registry/agent"></property>
    <property name="imageDigest" value="sha256:1234"></property>
    <property name="module" value="as found"></property>
    <property name="node a" value="kernel 6.12, Debian, containerd://2, SCTP before the run: on"></property>
  </properties>
  <testcase name="POD-01 does it" classname="sctp.pod" time="1.500">
    <properties>
      <property name="id" value="POD-01"></property>
      <property name="chapter" value="pod"></property>
      <property name="level" value="core"></property>
      <property name="verdict" value="pass"></property>
      <property name="claim" value="It MUST."></property>
      <property name="source" value="here"></property>
    </properties>
  </testcase>
  <testcase name="POL-03 does it" classname="sctp.policy" time="1.500">
    <properties>
      <property name="id" value="POL-03"></property>
      <property name="chapter" value="policy"></property>
      <property name="level" value="core"></property>
      <property name="needs" value="two-nodes, network-policy"></property>
      <property name="verdict" value="fail"></property>
      <property name="class" value="policy-not-enforced"></property>
      <property name="claim" value="It MUST."></property>
      <property name="source" value="here"></property>
    </properties>
    <failure message="POL-03: x &lt;- y" type="fail"><![CDATA[POL-03: x <- y

  a table
]]></failure>
  </testcase>
</testsuite>`
	failed := result("POL-03", spec.Core, spec.Fail, "POL-03: x <- y\n\n  a table\n")
	failed.Needs, failed.Class = spec.Needs{spec.TwoNodes, spec.NetworkPolicy}, "policy-not-enforced"
	raw, err := made(result("POD-01", spec.Core, spec.Pass, ""), failed).junit()
	if err != nil || string(raw) != want {
		t.Errorf("error %v, junit.xml is\n%s", err, raw)
	}
}

// parsed reads junit.xml as a CI system does.
func parsed(t *testing.T, r Report) junitSuite {
	t.Helper()
	raw, err := r.junit()
	if err != nil {
		t.Fatal(err)
	}
	var s junitSuite
	if err := xml.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	return s
}

func TestJUnitLeavesOutWhatIsNotKnown(t *testing.T) {
	r := made(result("POD-01", spec.Core, spec.Pass, ""))
	r.Environment = Environment{Kubernetes: "v1.37.2", ProxyMode: "unknown"}
	var got []string
	for _, p := range parsed(t, r).Properties {
		got = append(got, p.Name+"="+p.Value)
	}
	if want := "kubernetes=v1.37.2 proxyMode=unknown"; strings.Join(got, " ") != want {
		t.Errorf("properties are %q, want %q", got, want)
	}
}

func TestJUnitCounts(t *testing.T) {
	s := parsed(t, made(
		result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Core, spec.Fail, "a"), result("POD-03", spec.Core, spec.Inconclusive, "b"),
		result("POD-04", spec.Core, spec.Error, "c"), result("POD-05", spec.Core, spec.NotApplicable, "d"),
		result("POD-06", spec.Core, spec.KnownLimitation, "e"), result("POD-07", spec.Informational, spec.Informed, "f"),
	))
	failures, errs, skipped := 0, 0, 0
	for _, c := range s.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			errs++
		}
		if c.Skipped != nil {
			skipped++
		}
	}
	if s.Tests != 7 || s.Failures != 1 || s.Errors != 2 || s.Skipped != 2 {
		t.Errorf("counts are %d tests, %d failures, %d errors, %d skipped", s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	if len(s.Cases) != s.Tests || failures != s.Failures || errs != s.Errors || skipped != s.Skipped {
		t.Errorf("there are %d cases, %d failures, %d errors, %d skipped", len(s.Cases), failures, errs, skipped)
	}
	if got := s.Cases[4].Skipped; got.Message != "d" || got.Type != "not-applicable" {
		t.Errorf("skipped is %+v", got)
	}
}

func TestJUnitHoldsAnyText(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"end of CDATA", "a ]]> b ]]]]>> c", "a ]]> b ]]]]>> c"},
		{"markup", "<&> \"' <![CDATA[ x", "<&> \"' <![CDATA[ x"},
		{"white space", "POL-03:\n\n\ttable  \n", "POL-03:\n\n\ttable  \n"},
		{"escape sequences of a terminal", "\x1b[31mred\x1b[0m\x00\x08", "\uFFFD[31mred\uFFFD[0m\uFFFD\uFFFD"},
		{"no UTF-8", "a\xff\xfeb", "a\uFFFD\uFFFDb"},
		{"no characters", "\uFFFE\uFFFF \u00e9 \U0001F600", "\uFFFD\uFFFD \u00e9 \U0001F600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := parsed(t, made(result("POL-03", spec.Core, spec.Fail, tt.text))).Cases[0]
			if c.Failure.Text != tt.want {
				t.Errorf("the text is %q, want %q", c.Failure.Text, tt.want)
			}
			if first := FirstLine(tt.want); strings.TrimSpace(c.Failure.Message) != first {
				t.Errorf("the message is %q, want %q", c.Failure.Message, first)
			}
		})
	}
}
