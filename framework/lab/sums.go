package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// ExpectChecksums does something while packets are captured on every node of the spec, and
// claims that no kernel has counted an SCTP packet with a bad checksum meanwhile and that
// each one that was on a wire had the right CRC32c. Where nobody gave access to nodes the
// kernels' counters are all there is, and the report says so.
func (l *Lab) ExpectChecksums(ctx ginkgo.SpecContext, do func()) {
	ginkgo.GinkgoHelper()
	before, _ := l.run.fleet.counters(ctx)
	judged, wrong, err := l.summed(ctx, do)
	after, errs := l.run.fleet.counters(ctx)
	for m, e := range errs {
		if before[m] == nil {
			continue // it was lost before
		}
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: the counters of %s/%s on node %s could not be read: %v", l.id, m.namespace, m.pod, m.node, e))
	}
	symptoms := append(l.badSymptoms(wrong), badSums(before, after)...)
	switch {
	case ctx.Err() != nil:
		return
	case len(symptoms) > 0:
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: %s\n%s%s", l.id, symptoms[0].Said, reach.Told(l.causes(symptoms)), l.whereabouts()))
	case err != nil:
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: no capture: %v", l.id, err))
	case l.run.Eyes == nil:
		l.Measured("no packet was looked at, for there is no access to nodes: %d kernels have counted no bad checksum", len(after))
	case judged == 0:
		l.conclude(ctx, reach.GroundBroken, l.id+": not one packet was captured whole")
	default:
		l.Measured("%d sightings of packets on %d nodes have the right CRC32c, and %d kernels have counted no bad one", judged, len(l.nodes()), len(after))
	}
}

// summed does something under a capture, where there may be one, and judges its checksums.
func (l *Lab) summed(ctx context.Context, do func()) (judged int, wrong []string, err error) {
	if l.run.Eyes == nil {
		do()
		return 0, nil, nil
	}
	watch, err := l.run.Eyes.Watch(ctx, l.nodes()...)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		raw, stopErr := watch.Stop()
		var all []capture.Capture
		if all, err = l.keep(raw); err == nil {
			err = stopErr
		}
		judged, wrong = capture.Sums(all)
	}()
	do()
	return judged, wrong, err
}

// nodes are those that the spec's agents are on.
func (l *Lab) nodes() []string {
	var out []string
	for _, m := range l.members {
		if !m.outside() {
			out = append(out, m.node)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// badSymptoms are of what captures say of bad checksums in sentences, each of which names its node.
func (l *Lab) badSymptoms(wrong []string) []diag.Symptom {
	symptoms := make([]diag.Symptom, len(wrong))
	for i, text := range wrong {
		symptoms[i].Said = text
		for _, node := range l.nodes() {
			if strings.Contains(text+" ", " node "+node+" ") {
				symptoms[i].ServerNode = node
			}
		}
	}
	return found(diag.BadChecksum, symptoms)
}

// badSums are symptoms of packets whose checksum a kernel found bad between two readings.
func badSums(before, after map[*member]wire.Counters) []diag.Symptom {
	var out []diag.Symptom
	for m, now := range after {
		if before[m] != nil {
			out = append(out, m.badSums(before[m], now)...)
		}
	}
	slices.SortFunc(out, bySentence)
	return out
}

// badSums is the symptom of one agent, if there is one.
func (m *member) badSums(before, now wire.Counters) []diag.Symptom {
	n := now[wire.ChecksumErrors] - before[wire.ChecksumErrors]
	if n <= 0 {
		return nil
	}
	return []diag.Symptom{m.shows(diag.BadChecksum, "%d SCTP packets with a bad checksum came to %s on node %s", n, m.name(), m.node)}
}
