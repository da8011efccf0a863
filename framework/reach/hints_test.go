package reach

import (
	"slices"
	"testing"
)

// What each rule says; the tests below name them by these words.
const (
	noSCTP      = "a host without SCTP stands at one end of each of these paths, see MOD-01"
	notAsked    = "the suite could not ask; this says nothing about the cluster's SCTP"
	comesAndGo  = "every path was as claimed in an earlier round: this comes and goes"
	noPolicy    = "nothing is denied: it looks as if there were no policy at all"
	oneNode     = "nothing is denied to servers on the node of x/server@2:80, while other nodes deny"
	noSelector  = "the port is enforced, and x/stranger gets past the peer selector"
	only6       = "only ipv6 is affected"
	fromClient1 = "every wrong path begins at x/client@1"
	toServer1   = "every wrong path leads to x/server@1:80"
)

func TestHints(t *testing.T) {
	const fine = "x/server@1:80 x/server@2:80\nx/client@1 answered answered\nx/client@2 answered answered"
	for _, c := range []struct {
		name string
		ipv4 string
		ipv6 string // none if empty
		want []string
	}{
		{"nothing is wrong", fine, "", nil},
		{"one wrong path speaks for itself", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered
			x/client@2  answered         answered`, "", nil},

		{"a host without SCTP", `
			            x/server@1:80       x/server@2:80
			x/client@1  answered=no-socket  answered
			x/client@2  answered            answered=no-protocol`, "", []string{noSCTP}},
		{"a host without SCTP, and something else", `
			            x/server@1:80       x/server@2:80
			x/client@1  answered=no-socket  answered
			x/client@2  answered            answered=silent`, "", nil},

		{"could not ask", `
			            x/server@1:80      x/server@2:80
			x/client@1  answered=no-reply  denied
			x/client@2  answered           denied=no-reply`, "", []string{notAsked}},
		{"could not ask once, and something else", `
			            x/server@1:80      x/server@2:80
			x/client@1  answered=no-reply  denied
			x/client@2  answered           denied=answered`, "", nil},

		{"no policy at all", `
			            x/server@1:80    x/server@2:80
			x/client@1  denied=answered  denied=answered
			x/client@2  answered         denied=answered`, "", []string{noPolicy}},
		{"no policy, but a denial of another family held", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered         answered
			x/client@2  answered         denied`, `
			            x/server@1:80    x/server@2:80
			x/client@1  answered         denied=answered
			x/client@2  denied=answered  answered`, []string{only6}},
		{"all denials leak, and an answer lacks", `
			            x/server@1:80    x/server@2:80
			x/client@1  denied=answered  answered
			x/client@2  answered         answered=silent`, "", nil},

		{"one node does not deny", `
			            x/server@1:80  x/server@2:80    x/server@2:81
			x/client@1  denied         denied=answered  denied=answered
			x/client@2  denied         denied=answered  denied=answered`, "", []string{oneNode}},
		{"one node denies some", `
			            x/server@1:80  x/server@2:80    x/server@2:81
			x/client@1  denied         denied=answered  denied
			x/client@2  denied         denied           denied=answered`, "", nil},
		{"where there is one node only", `
			            x/server@2:80    x/server@2:81
			x/client@1  denied=answered  denied
			x/client@2  denied           denied=answered`, "", nil},
		{"a Service stands on no node", `
			            svc/web:80       svc/api:80       x/server@1:80
			x/client@1  denied=answered  denied=answered  denied`, "", nil},

		{"the selector is not honoured", leakedToStranger, "", []string{noSelector}},
		{"a port leaks that nobody may use", `
			            x/server:80  x/server:81
			x/client    answered     denied
			x/stranger  denied       denied=answered`, "", nil},
		{"no port is there to be honoured", `
			            x/server:80
			x/client    answered
			x/stranger  denied=answered
			y/client    denied`, "", nil},

		{"one family", fine, `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered
			x/client@2  answered         answered=silent`, []string{only6}},
		{"both families", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered
			x/client@2  answered         answered`, `
			            x/server@1:80    x/server@2:80
			x/client@1  answered         answered
			x/client@2  answered         answered=silent`, nil},

		{"from one client", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered=refused
			x/client@2  answered         answered`, "", []string{fromClient1}},
		{"from the only client", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered=refused`, "", nil},

		{"to one server", `
			            x/server@1:80    x/server@2:80
			x/client@1  answered=silent  answered
			x/client@2  answered=silent  answered`, "", []string{toServer1}},
		{"to the only server", `
			            x/server@1:80
			x/client@1  answered=silent
			x/client@2  answered=silent`, "", nil},
	} {
		results := []Result{scene(t, IPv4, c.ipv4)}
		if c.ipv6 != "" {
			results = append(results, scene(t, IPv6, c.ipv6))
		}
		if got := hints(report(results...)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// Two blocks of one family are not two families.
func TestOneFamilyInTwoBlocks(t *testing.T) {
	wrong := scene(t, IPv4, "x/server:80\nx/client answered=silent")
	right := scene(t, IPv4, "x/server:81\nx/client answered")
	if got := hints(report(wrong, right)); got != nil {
		t.Errorf("%q", got)
	}
}

func TestHintOfIntermittent(t *testing.T) {
	wrong := report(scene(t, IPv4, "x/server:80\nx/client answered=silent"))
	if got := hints(wrong); got != nil {
		t.Errorf("not settled: %q", got)
	}
	if got := hints(intermittent(wrong)); !slices.Equal(got, []string{comesAndGo}) {
		t.Errorf("intermittent: %q", got)
	}
}
