package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/cluster"
	"sctp.test/framework/lab"
	"sctp.test/framework/module"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// forgets is after how long Linux forgets an association that is idle, unless a node says
// otherwise (nf_conntrack_sctp_timeout_established since Linux 6.2, and in older kernels that took
// it over; five days before that). Associations idle for longer than that by idleMargin, but no
// spec for longer than longestIdle.
const (
	forgets     = 210 * time.Second
	idleMargin  = 15 * time.Second
	longestIdle = 10 * time.Minute
)

// keptAliveInterval is the kernel's own time between heartbeats.
const keptAliveInterval = 30 * time.Second

// keptAlive sends heartbeats from the client as often as the kernel does by itself, and
// withoutHeartbeats none, from either end.
var (
	keptAlive = lab.Sockets{
		Client: []wire.Option{{Name: wire.Heartbeats, Value: int(keptAliveInterval.Milliseconds())}},
		Server: []wire.Option{{Name: wire.Heartbeats, Value: 0}},
	}
	withoutHeartbeats = socketsWith(wire.Option{Name: wire.Heartbeats, Value: 0})
)

// throughService is translated on its way.
const throughService = `
	            svc/sctpservice:30102
	x/client@*  answered
`

// carriesOn says what becomes of data that is sent after a long time without heartbeats.
func carriesOn(ctx context.Context, c, s *lab.End, idle time.Duration) string {
	c.TrySend(ctx, growing(1, 100, 1)...)
	r := s.Read(ctx, wire.Until{Messages: 1}, 20*time.Second)
	if slices.ContainsFunc(r.Events, func(v wire.Event) bool { return v.Kind == wire.EventMessage }) {
		return fmt.Sprintf("without heartbeats data still came through after %v", idle)
	}
	return fmt.Sprintf("without heartbeats no data came through after %v", idle)
}

// outlasting is how long an association must idle until every node would have forgotten it. Where
// that is longer than a spec may take, the spec is not applicable.
func outlasting(ctx context.Context, l *lab.Lab) time.Duration {
	GinkgoHelper()
	longest := forgets
	if here.rehearsal != "" {
		return longest + idleMargin
	}
	for _, n := range here.cluster.Nodes {
		after, err := forgetsAfter(ctx, n.Name)
		switch {
		case err != nil:
			l.Measured("nobody knows after how long node %s forgets an idle association (%v): it is taken for %v", n.Name, err, forgets)
		case after > longestIdle-idleMargin:
			Skip(fmt.Sprintf("node %s remembers an idle association for %v, and no spec idles for longer than %v", n.Name, after, longestIdle))
		default:
			l.Measured("node %s forgets an idle association after %v", n.Name, after)
			longest = max(longest, after)
		}
	}
	return longest + idleMargin
}

// forgetsAfter is after how long a node forgets an idle association.
func forgetsAfter(ctx context.Context, node string) (time.Duration, error) {
	text, err := here.access.Run(ctx, node, "cat", "/proc/sys/net/netfilter/nf_conntrack_sctp_timeout_established")
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(strings.TrimSpace(text) + "s")
}

// again are the programs of the network that are to be started again, once for all paths.
type again struct {
	components []cluster.Component
	once       sync.Once
	err        error
	took       time.Duration
}

// restarts finds them on every node. Where there are none the spec is not applicable.
func restarts(ctx context.Context) *again {
	GinkgoHelper()
	a := &again{}
	if here.rehearsal != "" {
		return a // nothing is started again
	}
	for _, n := range here.cluster.Nodes {
		found, err := here.cluster.Components(ctx, here.access, n.Name)
		if err != nil {
			conclude(reach.GroundBroken, "ASC-13: "+err.Error())
		}
		a.components = append(a.components, found...)
	}
	if len(a.components) == 0 {
		why := "no DaemonSet is known to be a service proxy, network plugin or policy engine"
		if here.access == nil {
			why += ", and systemd units cannot be looked at without --node-access"
		}
		Skip(why)
	}
	return a
}

// all starts them again, all at the same time. Whoever comes later waits.
func (a *again) all(ctx context.Context, p *path) {
	a.once.Do(func() {
		start := time.Now()
		errs := make([]error, len(a.components))
		var wg sync.WaitGroup
		for i, c := range a.components {
			wg.Go(func() { errs[i] = c.Restart(ctx) })
		}
		wg.Wait()
		a.took = time.Since(start)
		for _, err := range errs {
			if err != nil {
				a.err = err
			}
		}
	})
	if a.err != nil {
		p.Broken("%v", a.err)
	}
}

func (a *again) report(l *lab.Lab) {
	var names []string
	for _, c := range a.components {
		names = append(names, c.Name+" on "+c.Node)
	}
	l.Measured("started again in %v: %s", a.took.Round(100*time.Millisecond), strings.Join(names, ", "))
}

// bringBack loads the module on node 1, which was rebooted, where the run may load it and the node
// does not do so at boot: then it, or an earlier run, has loaded it before. Elsewhere the module
// has to be there again by itself.
func bringBack(ctx context.Context) {
	GinkgoHelper()
	if here.rehearsal != "" || here.module != moduleDaemonSet && here.module != moduleAuto {
		return
	}
	node := here.run.Node(1).Name
	if len(here.modules.first[node].AtBoot) > 0 {
		return
	}
	found, err := module.LoadByDaemonSet(ctx, here.cluster, here.run.ID, here.image)
	if err != nil {
		conclude(reach.GroundBroken, "ASC-14: "+err.Error())
	}
	if !found[node].Before {
		measured("node %s came back without SCTP, for nothing loads it at boot, and a privileged DaemonSet has loaded it again", node)
	}
}
