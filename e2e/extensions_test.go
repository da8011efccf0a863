package e2e

import (
	"context"
	"maps"
	"sync"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// extension is a way to carry messages that both ends must ask for, and that their kernels may
// not allow them.
type extension struct {
	name     string
	sockets  lab.Sockets
	agreed   assoc.Agreed
	messages []wire.SendMessage // each way
}

// interleaving needs of Linux (net/sctp/socket.c, 6.1) what no pod has unless it asks its kubelet
// for a sysctl that is not safe: SCTP_INTERLEAVING_SUPPORTED is EPERM where net.sctp.intl_enable is
// 0, as it is by default, in the pod's network namespace, and where SCTP_FRAGMENT_INTERLEAVE was not
// set before. Without another scheduler than the kernel's own, which ends one message before it
// begins the next, nothing would be interleaved.
var interleaving = extension{
	"interleaved messages (I-DATA)",
	socketsWith(
		wire.Option{Name: wire.Interleave, Value: 2},
		wire.Option{Name: wire.IData, Value: 1},
		wire.Option{Name: wire.StreamScheduler, Value: roundRobin},
	),
	assoc.Agreed{Interleaving: true},
	append(onStream(0, bytes(200<<10)...), onStream(1, growing(20, 100, 10)...)...),
}

// authentication needs no sysctl since Linux 5.4: SCTP_AUTH_SUPPORTED switches it on for a socket,
// before SCTP_AUTH_CHUNK and the keys, which are EACCES without it. Older kernels do not know that
// option (ENOPROTOOPT), and follow net.sctp.auth_enable alone, which is 0 by default.
var authentication = extension{
	"authenticated messages (AUTH)",
	socketsWith(
		wire.Option{Name: wire.AuthSupported, Value: 1},
		wire.Option{Name: wire.AuthChunk, Value: chunkData},
		wire.Option{Name: wire.AuthKey, Value: 1, Key: "both ends of the suite's associations have this key"},
		wire.Option{Name: wire.AuthActiveKey, Value: 1},
	),
	assoc.Agreed{Auth: []int{chunkData}},
	onStreams(20, 3),
}

const (
	roundRobin = 2 // SCTP_SS_RR in linux/sctp.h
	chunkData  = 0 // RFC 9260 section 3.2
)

// carryWherePossible exchanges messages by an extension on the paths on which the kernels of both
// ends allow it, and reports where they do and where they do not.
func (x extension) carryWherePossible(ctx SpecContext, l *lab.Lab) {
	GinkgoHelper()
	var mu sync.Mutex
	var refusals []lab.Refusal
	carried := map[string]bool{} // by path: a walk may be made twice
	l.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
		refused := p.Refusals(ctx, x.sockets)
		if len(refused) == 0 {
			x.carry(ctx, p)
		}
		mu.Lock()
		defer mu.Unlock()
		refusals = append(refusals, refused...)
		carried[p.String()] = len(refused) == 0
	})
	maps.DeleteFunc(carried, func(_ string, was bool) bool { return !was })
	if len(carried) > 0 {
		l.Measured("%s were agreed on and arrived whole on %d paths", x.name, len(carried))
	}
	for _, refused := range lab.Disallowed(x.name, refusals) {
		l.Measured("%s", refused)
	}
}

// carry exchanges messages by an extension, on which both ends must agree.
func (x extension) carry(ctx context.Context, p *path) (client, server *lab.End) {
	c, s := p.Associate(ctx, x.sockets)
	for _, e := range []*lab.End{c, s} {
		e.Status(ctx)
		e.Expect(x.agreed)
	}
	exchange(ctx, c, s, x.messages...)
	return c, s
}
