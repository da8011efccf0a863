package lab

import (
	"cmp"
	"context"
	"fmt"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
)

// During is OnEach beside which something else is done to the cluster. It begins when every
// path has come to its first Meet; the paths go on as long as Goes says, and may look at
// what is left of their associations then. Connections through the TCP twins of their servers
// live beside them.
func (l *Lab) During(ctx ginkgo.SpecContext, table string, do func(context.Context, *Path), meanwhile func()) {
	ginkgo.GinkgoHelper()
	paths := l.openPaths(ctx, table)
	if l.run.rehearsing() {
		meanwhile()
		return
	}
	w := l.walkOf(paths)
	if err := l.takeOver(ctx, paths); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	twins := l.keepTwins(ctx, paths)
	all := &crowd{left: len(paths) + 1, over: make(chan struct{})}
	var found []assoc.Found
	var err error
	walked := make(chan struct{})
	go func() {
		defer close(walked)
		found, err = walk(ctx, w, paths, all, do)
	}()
	<-all.arrive()
	all.leave()
	func() {
		defer func() { // whatever comes of it, the paths end
			close(all.over)
			<-walked
			twins.end(ctx)
			err = cmp.Or(err, l.tidy(ctx, w))
		}()
		meanwhile()
	}()
	twins.beside(found)
	l.tellOfFaults(ctx, w, paths, found, err)
	if ctx.Err() == nil {
		twins.tell()
	}
}

// Goes says whether what During does beside the paths still goes on.
func (p *Path) Goes(ctx context.Context) bool {
	select {
	case <-p.others.over:
		return false
	case <-ctx.Done():
		return false
	default:
		return true
	}
}

// Measured puts a sentence with a number and its unit into the report, beginning with the
// path.
func (p *Path) Measured(format string, args ...any) {
	p.lab.Measured("%s (%s): %s", p.course.Path, p.family, fmt.Sprintf(format, args...))
}
