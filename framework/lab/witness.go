package lab

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"sctp.test/framework/assoc"
	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// witness does once more, alone and under a capture, what has failed on the path that the
// first line is about, and adds to that path which packets vanished, and between which
// places.
func (l *Lab) witness(ctx context.Context, f *assoc.Found, paths []*Path, do func(context.Context, *Path)) {
	p := paths[slices.IndexFunc(paths, func(p *Path) bool { return p.course == f.Course })]
	if l.run.Eyes == nil || f.Ground != reach.GroundFail || p.bereft {
		return // nobody may look, or what has failed cannot be done once more
	}
	lost, err := l.vanished(ctx, p.anew(), do)
	for _, loss := range lost {
		f.Seen = append(f.Seen, loss.Text())
	}
	if err != nil {
		f.Unseen = err.Error()
	}
	if slices.Contains([]string{"", assoc.EndNotTold}, f.Class) && len(lost) > 0 {
		f.Class = assoc.ChunkLost
	}
}

// vanished does something on a path and tells what was lost there meanwhile.
func (l *Lab) vanished(ctx context.Context, p *Path, do func(context.Context, *Path)) ([]capture.Loss, error) {
	watch, err := l.run.Eyes.Watch(ctx, l.nodesOf([]asked{{pair: p.pair}})...)
	if err != nil {
		return nil, err
	}
	w, _, doErr := l.onPaths(ctx, []*Path{p}, do)
	w.Aside = "once more, under a capture"
	raw, err := watch.Stop()
	all, keepErr := l.keep(raw)
	probe := l.sought(asked{pair: p.pair}, p.target, diag.Trial{})
	probe.Client = netip.AddrPortFrom(p.client.addrs[p.family], 0)
	return capture.Vanished(all, probe), errors.Join(doErr, err, keepErr)
}
