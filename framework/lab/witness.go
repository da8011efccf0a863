package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"sctp.test/framework/assoc"
	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// witness does once more, alone and under a capture, what has failed on the path that the
// first line is about, and adds to that fault which packets vanished, and between which
// places.
func (l *Lab) witness(ctx context.Context, faults []fault, do func(context.Context, *Path)) {
	f := worstOf(faults)
	if l.run.Eyes == nil || f.ground != reach.GroundFail || len(f.path.backends) == 0 {
		return // nobody may look, or there is nothing left to look at
	}
	lost, err := l.vanished(ctx, f.path.anew(), do)
	var texts []string
	for _, loss := range lost {
		texts = append(texts, loss.Text())
	}
	if err != nil {
		texts = append(texts, fmt.Sprintf("(no capture: %v)", err))
	}
	if f.path.class == "" && len(lost) > 0 {
		f.path.class = assoc.ChunkLost
	}
	if len(texts) > 0 {
		f.seen = strings.Join(texts, "; ") + "; "
	}
}

// vanished does something on a path and tells what was lost there meanwhile.
func (l *Lab) vanished(ctx context.Context, p *Path, do func(context.Context, *Path)) ([]capture.Loss, error) {
	watch, err := l.run.Eyes.Watch(ctx, l.nodesOf(asked{pair: p.pair}, p.target)...)
	if err != nil {
		return nil, err
	}
	_, doErr := l.onPaths(ctx, []*Path{p}, do)
	raw, err := watch.Stop()
	all, keepErr := l.keep(raw)
	probe := l.sought(asked{pair: p.pair}, p.target, diag.Trial{})
	probe.Client = netip.AddrPortFrom(p.client.addrs[p.family], 0)
	return capture.Vanished(all, probe), errors.Join(doErr, err, keepErr)
}
