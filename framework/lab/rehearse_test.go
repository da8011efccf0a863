package lab

import (
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/fake"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

// rehearsal seats a spec where nothing is asked.
func rehearsal(t *testing.T, words ...string) *Lab {
	t.Helper()
	c := &cluster.Cluster{Client: fake.NewClientset(), Nodes: []cluster.Node{{Number: 1, Name: "a"}, {Number: 2, Name: "b"}}}
	r, err := Rehearse(t.Context(), c, []reach.Family{reach.IPv4}, Options{ID: "dry", Artifacts: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.fleet.close() })
	l := newLab(r, "POL-99")
	l.enter = func(string, string) {}
	if err := l.seat(t.Context(), words); err != nil {
		t.Fatal(err)
	}
	return l
}

// Every claim comes true, so that what is left to go wrong is the spec's own.
func TestRehearsal(t *testing.T) {
	l := rehearsal(t, "x/server@*:80,!82", "y/client@1", "host/agent@2:6000", "out/peer")
	for _, table := range []string{AllAnswered, "x/server@*:80\ny/client@1 answered\nout/peer answered\n", "x/server@1:80 x/server@2:80 x/server@1:82\ny/client@1 denied answered denied\n"} {
		if r := claim(t, l, table); len(r.Wrong()) > 0 || r.Rounds > 0 {
			t.Errorf("%d rounds, %s", r.Rounds, r.Text())
		}
	}
	if err := l.join(t.Context(), "x/late@2:80 role=web", nil); err != nil {
		t.Error(err)
	}
	if err := l.label(t.Context(), "x/late@2", []string{"role-"}); err != nil {
		t.Error(err)
	}
	if err := l.kill(t.Context(), "x/late@2"); err != nil {
		t.Error(err)
	}
	l.expected = true
	if text := l.clear(t.Context()); text != "" {
		t.Errorf("at the end: %s", text)
	}
}

// What is wrong with a table is found without a cluster: the line and the nearest known word.
func TestRehearsalFindsWhatIsWrong(t *testing.T) {
	for table, want := range map[string]string{
		"x/server:80\nx/clinet answered\n":                          `table line 2: "x/clinet" is no client of this spec; the nearest is "x/client"`,
		"x/server:80 x/server:8080\nx/client answered answered\n":   `table line 1: "x/server:8080" is no server of this spec; the nearest is "x/server:80"`,
		"x/server:80\nx/client answeredd\n":                         `table line 2: "answeredd" is no word for a cell; the nearest is "answered"`,
		"x/server:80\nx/client denied\n":                            "table line 2: ipv4: x/client to x/server:80 is to be denied, but the spec never saw it answered: no denial without a control",
		"x/server:80 x/server:81\nx/client - denied\n":              "table line 2: ipv4: the table denies SCTP and claims no answer: no denial without a path that is open beside it",
		"x/server:80\nx/client answered answered\n":                 `table line 2: "x/client" is followed by 2 words for 1 column`,
		"ipv6:\nx/server:80\nx/client answered\n":                   "the table speaks of no family that this cluster has ([ipv4])",
		"x/server:80\nx/client -\n":                                 "table line 1: the block asks nothing",
		"x/server:80 svc/backends:80\nx/client answered answered\n": `table line 1: "svc/backends:80" is no server of this spec; known: x/server:80, x/server:81`,
		"x/server:80\nx/client answered\nx/client denied\n":         "table line 3: x/client to x/server:80 is claimed twice",
	} {
		l := rehearsal(t, "x/server:80,!81", "x/client")
		if !strings.HasSuffix(want, "no denial without a control") {
			claim(t, l, "ipv4:\nx/server:80\nx/client answered\n")
		}
		if _, err := l.matrices(table); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error is %v\nwant %s", table, err, want)
		}
	}
}
