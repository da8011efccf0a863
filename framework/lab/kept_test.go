package lab

import (
	"strings"
	"testing"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// cut ends an association of the bench as heartbeats without an answer do.
func (b *bench) cut(word string, l *Lab) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for a, sockets := range b.sockets {
		for name, s := range sockets {
			if a.identity.UID == l.member(word).uid && s.peer != nil && name != "" {
				s.inbox = append(s.inbox, wire.Event{Kind: wire.EventAssoc, State: "COMM_LOST"})
			}
		}
	}
}

func TestFatesOfKeptAssociations(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@*")
		k := &Kept{lab: l}
		if found, err := k.begin(t.Context(), bothNodes, Sockets{}); err != nil || len(found) > 0 {
			t.Fatal(found, err)
		}
		start := time.Now()
		<-time.After(2 * time.Second)
		b.cut("x/client@2", l)
		<-time.After(2 * time.Second)
		fates, found, err := k.fates(t.Context(), start)
		const want = "1 of 2 carried a message 4s later, 1 of 2 had ended (COMM_LOST) 2s later"
		if got := tellFates(fates); got != want || len(found) > 0 || err != nil {
			t.Errorf("fates are %q (%v, %v), want %q", got, found, err, want)
		}
		for range 2 { // the spec tells, and its clean-up once more
			if err := k.end(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, text, _, err := assoc.Verdict(saved(t, l), nil); err != nil || text != "" || len(l.walks) != 1 {
			t.Errorf("%d walks are in the evidence: %v, %s", len(l.walks), err, text)
		}
	})
}

func TestAnAssociationThatCarriesNothing(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@*")
		k := &Kept{lab: l}
		if found, err := k.begin(t.Context(), bothNodes, Sockets{}); err != nil || len(found) > 0 {
			t.Fatal(found, err)
		}
		b.harms = func([]wire.Event) []wire.Event { return nil }
		fates, _, _ := k.fates(t.Context(), time.Now())
		if got := tellFates(fates); got != "2 of 2 stood and carried no message 3s later" {
			t.Errorf("fates are %q", got)
		}
		if err := k.end(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An association that nobody could watch ends its path, in its file, too.
func TestAnAssociationThatNobodyWatches(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@*")
		k := &Kept{lab: l}
		if found, err := k.begin(t.Context(), bothNodes, Sockets{}); err != nil || len(found) > 0 {
			t.Fatal(found, err)
		}
		l.member("x/client@2").agent.Close()
		b.mu.Lock()
		for a := range b.sockets {
			if a.identity.Pod == l.member("x/client@2").pod {
				delete(b.sockets, a) // nobody can tell it to close them
			}
		}
		b.mu.Unlock()
		<-time.After(time.Second)
		_, found, err := k.fates(t.Context(), time.Now())
		if err != nil || len(found) != 1 || found[0].Ground != reach.GroundBroken || !strings.HasPrefix(found[0].Text, "x/client@2 on b could not receive: ") {
			t.Fatalf("found is %+v, %v", found, err)
		}
		_ = k.end(t.Context()) // one agent is not there to be told
		_, text := k.walk.Text(found, nil)
		if _, again, _, err := assoc.Verdict(saved(t, l), nil); err != nil || again != text {
			t.Errorf("judged again (%v) it is\n%s\nand was\n%s", err, again, text)
		}
	})
}

func TestTellFates(t *testing.T) {
	s := time.Second
	got := tellFates(map[string][]time.Duration{"lived": {3 * s, s}, "died": {2 * s}})
	if got != "1 of 3 died 2s later, 2 of 3 lived 1s to 3s later" {
		t.Errorf("it says %q", got)
	}
}
