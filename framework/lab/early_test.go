package lab

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// A pod that comes is asked while it is not ready yet, and one moment in which it was open is
// enough, however long it has been closed when it is ready.
func TestANewPodIsDeniedFromTheFirstMoment(t *testing.T) {
	broken := errors.New("the image cannot be pulled")
	for name, tt := range map[string]struct {
		behaves func(*bench, *agent, wire.Probe) string
		err     error
		strays  int64 // packets that came to the pod before anybody listened
		settled bool
	}{
		"denied":                   {port81("ETIMEDOUT"), nil, 0, true},
		"refused by a policy":      {port81("ECONNREFUSED"), nil, 0, true},
		"open at first":            {afterFirst(port81("ETIMEDOUT")), nil, 0, false},
		"refused by the pod":       {port81("ECONNREFUSED"), nil, 6, false},
		"reached by somebody else": {port81("ETIMEDOUT"), nil, 6, true},
		"open when it listens":     {later(10*time.Second, port81("ECONNREFUSED"), (*bench).open), nil, 0, false},
		"never ready":              {port81("ETIMEDOUT"), broken, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80,81", "x/client@2")
				claim(t, l, AllAnswered)
				b.batches = 0
				b.change(tt.behaves)
				matrices, err := l.matrices("x/server@1:80 x/server@1:81\nx/client@2 answered denied\n")
				if err != nil {
					t.Fatal(err)
				}
				b.strays = tt.strays
				e := &early{member: l.member("x/server@1"), addressed: time.Now(), comes: make(chan arrival, 1)}
				time.AfterFunc(10*time.Second, func() { e.comes <- arrival{time.Now(), tt.err} })
				series := l.begin(reach.Claim{Hold: holdRounds, AtOnce: true, Matrices: matrices})
				if err := l.judgeEarly(t.Context(), e, series); !errors.Is(err, tt.err) || series.Settled() != tt.settled {
					t.Errorf("settled %v, %v", series.Settled(), err)
				}
				if _, text := series.Conclusion(); tt.err == nil && !tt.settled && !strings.Contains(text, "not from the first moment") && !strings.Contains(text, "intermittent") {
					t.Error(text)
				}
				if took := e.ready.Sub(e.addressed); took < 10*time.Second || b.batches < 3 {
					t.Errorf("ready after %v and %d batches", took, b.batches)
				}
			})
		})
	}
}

// later is a network that behaves otherwise after a time.
func later(after time.Duration, at, then func(*bench, *agent, wire.Probe) string) func(*bench, *agent, wire.Probe) string {
	var begun time.Time
	return func(b *bench, a *agent, p wire.Probe) string {
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) > after {
			return then(b, a, p)
		}
		return at(b, a, p)
	}
}

// The main process is told to listen at every address of its pod, which has them while it waits.
func TestAPodThatListensFromTheStart(t *testing.T) {
	o, err := parseOrder("x/new@1:80,81/tcp,!82 role=late")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(&Run{}, "POL-99")
	l.families = []reach.Family{reach.IPv4, reach.IPv6}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "agent", Image: "i", Args: []string{"serve"}}}}}
	l.fromTheStart(o, seat{"x", "a"})(pod)
	if w := pod.Spec.InitContainers; len(w) != 1 || !slices.Equal(w[0].Args, []string{"wait", "5s"}) || w[0].Image != "i" {
		t.Errorf("%+v", w)
	}
	var all []wire.Listen
	if env := pod.Spec.Containers[0].Env; len(env) != 1 || env[0].Name != wire.ListenVariable || json.Unmarshal([]byte(env[0].Value), &all) != nil {
		t.Fatalf("%+v", env)
	}
	var at []string
	for _, l := range all {
		at = append(at, string(l.Proto)+" "+l.Addr.String())
	}
	if want := []string{"sctp 0.0.0.0:80", "sctp [::]:80", "tcp 0.0.0.0:81", "tcp [::]:81"}; !slices.Equal(at, want) {
		t.Errorf("%v", at)
	}
}
