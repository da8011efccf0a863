package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/wire"
)

// Limits for associations that a spec holds open: until they are asked how they fare, and
// for a message to come through one.
const (
	keepLimit = 10 * time.Minute
	fareLimit = 3 * time.Second
)

// Kept are associations that a spec holds open while it does something else.
type Kept struct {
	lab   *Lab
	paths []*Path
	walk  *assoc.Walk
	once  sync.Once

	mu   sync.Mutex
	held []*held
}

// held is one of them.
type held struct {
	client, server *End
	ended          time.Time // zero while it lives
	told           string    // what told its client
	trouble        *fault    // why nobody watches it
	done           chan struct{}
}

// Keep opens an association on every path that a table says is answered. The ports belong
// to the spec's sockets from then on, and the associations live until Fates has told of
// them, or the spec ends.
func (l *Lab) Keep(ctx ginkgo.SpecContext, table string, o Sockets) *Kept {
	ginkgo.GinkgoHelper()
	k := &Kept{lab: l}
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) error { return k.end(ctx) })
	found, err := k.begin(ctx, table, o)
	if len(found) > 0 || err != nil {
		k.conclude(ctx, found, err)
	}
	return k
}

// conclude ends the associations and fails the spec where one could not be opened or asked.
func (k *Kept) conclude(ctx context.Context, found []assoc.Found, err error) {
	ginkgo.GinkgoHelper()
	err = cmp.Or(err, k.end(ctx))
	if len(found) > 0 { // who watched the others has come to an end now, too
		found, err = k.walk.Found()
	}
	k.lab.tellOfFaults(ctx, k.walk, k.paths, found, err)
}

// begin opens the associations.
func (k *Kept) begin(ctx context.Context, table string, o Sockets) ([]assoc.Found, error) {
	k.walk = k.lab.walkOf(nil)
	matrices, err := k.lab.matrices(table)
	if err != nil || k.lab.run.rehearsing() {
		return nil, err
	}
	k.paths = k.lab.paths(matrices)
	k.walk = k.lab.walkOf(k.paths)
	if err := k.lab.takeOver(ctx, k.paths); err != nil {
		return nil, err
	}
	return walk(ctx, k.walk, k.paths, &crowd{left: len(k.paths)}, func(ctx context.Context, p *Path) { k.open(ctx, p, o) })
}

// open associates on a path and watches for the end.
func (k *Kept) open(ctx context.Context, p *Path, o Sockets) {
	h := &held{done: make(chan struct{})}
	h.client, h.server = p.Associate(ctx, o)
	k.mu.Lock()
	k.held = append(k.held, h)
	k.mu.Unlock()
	go func() {
		defer close(h.done)
		h.trouble = caught(func() {
			end, _ := assoc.Over(h.client.Read(ctx, wire.Until{Event: wire.EventAssoc, State: "COMM_LOST"}, keepLimit))
			if end != nil {
				h.ended, h.told = time.Now(), assoc.Describe(*end)
			}
		})
	}()
}

// Fates tells in a sentence what has become of the associations since a time, and ends
// them: whether they have ended, and whether those that have not still carry a message.
func (k *Kept) Fates(ctx ginkgo.SpecContext, since time.Time) string {
	ginkgo.GinkgoHelper()
	fates, found, err := k.fates(ctx, since)
	k.conclude(ctx, found, err)
	return tellFates(fates)
}

// fates are the times since another by what had become of the associations then.
func (k *Kept) fates(ctx context.Context, since time.Time) (map[string][]time.Duration, []assoc.Found, error) {
	var mu sync.Mutex
	out := map[string][]time.Duration{}
	found, err := walk(ctx, k.walk, k.paths, &crowd{left: len(k.paths)}, func(ctx context.Context, p *Path) {
		for _, h := range k.on(p) {
			fate, at := h.fare(ctx)
			mu.Lock()
			out[fate] = append(out[fate], at.Sub(since))
			mu.Unlock()
		}
	})
	return out, found, err
}

// on are those on one path.
func (k *Kept) on(p *Path) []*held {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.held), func(h *held) bool { return h.client.Path != p })
}

// fare finds out how an association is, and since when.
func (h *held) fare(ctx context.Context) (fate string, at time.Time) {
	if h.over() {
		return "had ended (" + h.told + ")", h.ended
	}
	h.client.TrySend(ctx, wire.SendMessage{Message: wire.Message{Size: 100}})
	r := h.server.Read(ctx, wire.Until{Messages: 1}, fareLimit)
	switch {
	case slices.ContainsFunc(r.Events, func(e wire.Event) bool { return e.Kind == wire.EventMessage }):
		return "carried a message", time.Now()
	case h.over():
		return "had ended (" + h.told + ")", h.ended
	default:
		return "stood and carried no message", time.Now()
	}
}

// over says whether an association has ended. One that nobody watches ends its path.
func (h *held) over() bool {
	select {
	case <-h.done:
		if h.trouble != nil {
			panic(*h.trouble)
		}
		return !h.ended.IsZero()
	default:
		return false
	}
}

// tellFates puts fates and their times into a sentence: 4 of 6 had ended 1.2s to 3s later, ...
func tellFates(fates map[string][]time.Duration) string {
	all := 0
	var kinds []string
	for fate, times := range fates {
		all += len(times)
		kinds = append(kinds, fate)
	}
	slices.Sort(kinds)
	var parts []string
	for _, fate := range kinds {
		times := fates[fate]
		slices.Sort(times)
		first, last := times[0].Round(100*time.Millisecond), times[len(times)-1].Round(100*time.Millisecond)
		when := first.String()
		if last != first {
			when += " to " + last.String()
		}
		parts = append(parts, fmt.Sprintf("%d of %d %s %s later", len(times), all, fate, when))
	}
	return strings.Join(parts, ", ")
}

// end closes all sockets, once, and waits until nobody watches them.
func (k *Kept) end(ctx context.Context) (err error) {
	k.once.Do(func() {
		err = k.lab.eachMember(func(m *member) error { return resetSockets(ctx, m) })
		clear(k.lab.listening)
		for _, h := range k.held {
			select {
			case <-h.done:
			case <-ctx.Done(): // somebody still writes to its course
				return
			}
		}
		k.lab.walks = append(k.lab.walks, k.walk)
	})
	return err
}
