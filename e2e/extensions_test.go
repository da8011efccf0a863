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

// interleaving needs of Linux (net/sctp/socket.c, 6.1) what no pod has unless it asks its kubelet
// for a sysctl that is not safe: SCTP_INTERLEAVING_SUPPORTED is EPERM where net.sctp.intl_enable is
// 0, as it is by default, in the pod's network namespace, and where SCTP_FRAGMENT_INTERLEAVE was not
// set before. Without another scheduler than the kernel's own, which ends one message before it
// begins the next, nothing would be interleaved.
//
// The window holds a third of largeMessage, so that the rest of it waits at the sender with what is
// sent after it until somebody reads.
var interleaving = socketsWith(
	wire.Option{Name: wire.Interleave, Value: 2},
	wire.Option{Name: wire.IData, Value: 1},
	wire.Option{Name: wire.StreamScheduler, Value: roundRobin},
	wire.Option{Name: wire.ReceiveBuffer, Value: narrowWindow},
)

// largeMessage is in bytes, and less than a send buffer of Linux holds (net.core.wmem_default).
const largeMessage = 3 * narrowWindow

// authentication needs no sysctl since Linux 5.4: SCTP_AUTH_SUPPORTED switches it on for a socket,
// before SCTP_AUTH_CHUNK and the keys, which are EACCES without it. Older kernels do not know that
// option (ENOPROTOOPT), and follow net.sctp.auth_enable alone, which is 0 by default.
var authentication = socketsWith(
	wire.Option{Name: wire.AuthSupported, Value: 1},
	wire.Option{Name: wire.AuthChunk, Value: chunkData},
	wire.Option{Name: wire.AuthKey, Value: 1, Key: "both ends of the suite's associations have this key"},
	wire.Option{Name: wire.AuthActiveKey, Value: 1},
)

const (
	roundRobin = 2 // SCTP_SS_RR in linux/sctp.h
	chunkData  = 0 // RFC 9260 section 3.2
)

// authenticated is what authentication is called in reports.
const authenticated = "authenticated messages (AUTH)"

// authenticate exchanges authenticated messages on the paths on which the kernels of both ends
// allow it, and reports where they do and where they do not.
func authenticate(ctx SpecContext, l *lab.Lab) {
	GinkgoHelper()
	var mu sync.Mutex
	var refusals []lab.Refusal
	carried := map[string]bool{} // by path: a walk may be made twice
	l.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
		refused := p.Refusals(ctx, authentication)
		if len(refused) == 0 {
			c, s := p.Associate(ctx, authentication)
			mustAgree(ctx, assoc.Agreed{Auth: []int{chunkData}}, c, s)
			exchange(ctx, c, s, onStreams(20, 3)...)
		}
		mu.Lock()
		defer mu.Unlock()
		refusals = append(refusals, refused...)
		carried[p.String()] = len(refused) == 0
	})
	maps.DeleteFunc(carried, func(_ string, was bool) bool { return !was })
	if len(carried) > 0 {
		l.Measured("%s were agreed on and arrived whole on %d paths", authenticated, len(carried))
	}
	for _, refused := range lab.Disallowed(authenticated, refusals) {
		l.Measured("%s", refused)
	}
}

// mustAgree fails the path unless both ends have agreed on an extension.
func mustAgree(ctx context.Context, on assoc.Agreed, ends ...*lab.End) {
	for _, e := range ends {
		e.Status(ctx)
		e.Expect(on)
	}
}

// overtake sends a large message on one stream and small ones on another after it, and fails the
// path unless a small one is the first that arrives.
func overtake(ctx context.Context, from, to *lab.End) {
	messages := append(onStream(0, bytes(largeMessage)...), onStream(1, growing(20, 100, 10)...)...)
	from.Send(ctx, messages...)
	to.Receive(ctx, len(messages))
	to.ReceivedAll()
	to.Expect(assoc.Overtakes{Stream: 1})
}
