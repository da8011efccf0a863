package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

var _ = chapter("Messages", func() {
	It("of every size arrive byte by byte on every path", spec.Case{
		ID: "MSG-01", Level: spec.Core,
		Claim:  "Messages of 1 byte to 64 KiB MUST arrive whole and unchanged, both ways, between pods and through Services.",
		Source: "RFC 9260 section 6.9",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, everyPath, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, bytes(1, 100, 1200, 1400, 1452, 1500, 4096, 9000, 16384, 65535, 65536)...)
		})
	})

	It("keep their boundaries, bundled or not", spec.Case{
		ID: "MSG-02", Level: spec.Core,
		Claim:  "Messages sent back to back MUST arrive as the messages they were, neither merged nor split, with bundling on and off, and for a reader whose buffer is smaller than they are.",
		Source: "RFC 9260 sections 6.9 and 6.10; RFC 6458 section 8.1.5",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			for _, noDelay := range []int{0, 1} {
				c, s := p.Associate(ctx, socketsWith(wire.Option{Name: wire.NoDelay, Value: noDelay}))
				s.Buffer = 500
				exchange(ctx, c, s, growing(60, 1, 23)...)
			}
		})
	})

	It("keep their payload protocol identifier", spec.Case{
		ID: "MSG-03", Level: spec.Core,
		Claim:  "The payload protocol identifier of a message MUST arrive unchanged, both ways, whatever its value.",
		Source: "RFC 9260 section 3.3.1",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, identified(0, 1, 3, 18, 27, 46, 60, 0x0000ffff, 0x3c000000, 0x80000000, 0xffffffff)...)
		})
	})

	It("keep their stream, of as many as both ends agreed on", spec.Case{
		ID: "MSG-04", Level: spec.Core,
		Claim:  "An association MUST have as many streams each way as the one end asks for and the other accepts, whichever is less, and messages MUST arrive on the stream they were sent on.",
		Source: "RFC 9260 sections 5.1.1 and 6.5",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, everyPath, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, unequalStreams)
			expectStreams(ctx, c, 3, 5)
			expectStreams(ctx, s, 5, 3)
			c.TrySend(ctx, onStreams(4, 4)[3]) // on stream 3 of the 3 it has
			c.Expect(assoc.Refuses{Errno: "EINVAL"})
			exchange(ctx, c, s, onStreams(30, 3)...)
		})
	})

	It("keep their order on a stream", spec.Case{
		ID: "MSG-05", Level: spec.Core,
		Claim:  "Ordered messages of one stream MUST be delivered in the order in which they were sent, numbered without a gap, whatever their sizes.",
		Source: "RFC 9260 section 6.6",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, onStreams(100, 5)...)
			s.Expect(assoc.Numbered{})
			c.Expect(assoc.Numbered{})
		})
	})

	It("keep their unordered flag", spec.Case{
		ID: "MSG-06", Level: spec.Core,
		Claim:  "A message sent unordered MUST be delivered and reported as unordered, and one sent in order MUST NOT.",
		Source: "RFC 9260 section 6.6; RFC 6458 section 5.3.5",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, everyOtherUnordered(40)...)
		})
	})

	It("arrive whole when they are fragmented", spec.Case{
		ID: "MSG-07", Level: spec.Core,
		Claim:  "Messages just under, at and above the size from which they are fragmented, and up to 200 KiB, MUST arrive whole, both ways, by partial delivery where the receive window has no room for them.",
		Source: "RFC 9260 section 6.9; RFC 6458 section 8.1.21",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			f := int(c.Status(ctx).FragPoint)
			exchange(ctx, c, s, bytes(100, f-1, f, f+1, 2*f-1, 2*f, 2*f+1, 8<<10, 64<<10, 200<<10)...)
		})
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, narrow)
			for _, size := range []int{100, 200 << 10, 100} {
				trade(ctx, c, s, bytes(size)...)
			}
			c.Expect(assoc.InParts{Above: narrowWindow})
			s.Expect(assoc.InParts{Above: narrowWindow})
			c.Finish(ctx)
		})
	})

	It("are refused above the fragmentation point where fragmentation is off", spec.Case{
		ID: "MSG-08", Level: spec.SelfCheck,
		Claim:  "With SCTP_DISABLE_FRAGMENTS a message of the size of the fragmentation point MUST be sent and one byte more MUST be refused with EMSGSIZE.",
		Source: "RFC 6458 section 8.1.11",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, socketsWith(wire.Option{Name: wire.NoFragments, Value: 1}))
			f := int(c.Status(ctx).FragPoint)
			c.TrySend(ctx, bytes(f+1)...)
			c.Expect(assoc.Refuses{Errno: "EMSGSIZE"})
			exchange(ctx, c, s, bytes(f, f-1)...)
		})
	})

	It("are neither lost nor doubled in a crowd", spec.Case{
		ID: "MSG-09", Level: spec.Core,
		Claim:  "Of 1000 messages sent each way at the same time none MUST be lost, doubled or changed.",
		Source: "RFC 9260 sections 6 and 6.2",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, growing(1000, 16, 1)...)
		})
	})

	It("of one stream wait for no other stream", spec.Case{
		ID: "MSG-10", Level: spec.Extended,
		Claim:  "While a big message on one stream is missing, messages on another stream MUST be delivered, and the big one MUST arrive whole afterwards.",
		Source: "RFC 9260 section 1.5.2: while one stream may be blocked, delivery from other streams may proceed; extended: it is the two kernels' to do",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			size := 3 * int(c.Status(ctx).FragPoint)
			widen(ctx, c, s, uint32(2*size))
			s.Drop(ctx, wire.Drop{Stream: 1})
			c.Send(ctx, onStream(1, bytes(size)...)...)
			c.Send(ctx, onStream(2, growing(5, 100, 10)...)...)
			r := s.Read(ctx, wire.Until{Messages: 5}, 3*time.Second)
			s.Expect(assoc.Only{Stream: 2, Dropped: 1})
			s.Hear(ctx)
			s.Receive(ctx, 6-len(assoc.Messages(r.Events)))
			c.Finish(ctx)
		})
	})

	It("travel under checksums that are right", spec.Case{
		ID: "MSG-11", Level: spec.Core,
		Claim:  "Every SCTP packet that leaves a node MUST carry the right CRC32c, and no kernel MUST see one that does not.",
		Source: "RFC 9260 section 6.8",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.ExpectChecksums(ctx, func() {
			lab.OnEach(ctx, everyPath, func(ctx context.Context, p *path) {
				c, s := p.Associate(ctx, bothDefault)
				exchange(ctx, c, s, growing(5, 1, 90)...) // small ones: captures keep the beginning of a packet
			})
		})
	})

	It("are as large in a packet as the path allows", spec.Case{
		ID: "MSG-12", Level: spec.Informational,
		Claim:  "The kernel MAY find a smaller MTU on a path than on the pod's interface; messages above what fits are fragmented.",
		Source: "RFC 9260 section 7.3; RFC 8899",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		var found tally
		lab.OnEach(ctx, everyPath, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			trade(ctx, c, s, bytes(20000)...)
			st := c.Status(ctx)
			found.note(p, "path MTU of %d bytes, messages above %d bytes are fragmented", st.Peers[0].MTU, st.FragPoint)
			c.Finish(ctx)
		})
		found.report(lab)
	})

	It("are given up, renumbered and authenticated where the kernels allow it", spec.Case{
		ID: "MSG-13", Level: spec.Extended,
		Claim:  "A message whose lifetime ends before it can be sent MUST be given up, reported to its sender and not delivered, and a stream that is reset MUST begin again at number 0. Authenticated messages MUST be agreed on and arrive whole where both kernels allow them.",
		Source: "RFC 3758 section 3.5; RFC 7496 section 3; RFC 6525 section 5.1.2; RFC 4895 sections 3 and 6",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, smallWindow)
			c.Send(ctx, growing(40, 1000, 1)...)
			c.Send(ctx, mortal(5, 200)...)
			c.Read(ctx, wire.Until{Event: wire.EventError}, time.Second) // the window is full for longer than they live
			c.Shutdown(ctx)
			s.Read(ctx, wire.Until{Event: wire.EventEOF}, 20*time.Second)
			c.Read(ctx, wire.Until{}, 5*time.Second)
			c.Expect(assoc.Mortal{})
		})
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, resettable)
			c.Send(ctx, onStreams(6, 2)...)
			s.Receive(ctx, 6)
			c.Set(ctx, wire.Option{Name: wire.ResetOutgoing, Value: 1})
			s.StreamsReset(ctx)
			c.Send(ctx, onStreams(2, 2)...)
			s.Receive(ctx, 2)
			s.Expect(assoc.Renumbered{Reset: 1, Numbers: map[uint16]uint16{0: 3, 1: 0}})
			s.ReceivedAll()
		})
		authenticate(ctx, lab)
	})

	It("of telecom protocols arrive as their users frame them", spec.Case{
		ID: "MSG-14", Level: spec.Core,
		Claim:  "Messages with the payload identifiers, streams and sizes of NGAP, S1AP, X2AP, Diameter and M3UA MUST arrive as they were sent, both ways.",
		Source: "RFC 9260 section 3.3.1; IANA, SCTP Payload Protocol Identifiers",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			for _, profile := range telecom {
				c, s := p.Associate(ctx, bothDefault)
				exchange(ctx, c, s, profile.messages()...)
			}
		})
	})

	It("are interleaved where their network is told to allow it", spec.Case{
		ID: "MSG-15", Level: spec.Extended,
		Claim:  "Pods with the sysctl net.sctp.intl_enable MUST be able to agree on interleaved messages, and a small one MUST overtake a large one of another stream that was sent before.",
		Source: "RFC 8260 section 2.2; Kubernetes, Using sysctls: unsafe sysctls; extended: kubelets allow this one only where they are told to",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "idata/server@1:30102", "idata/client@*")
		lab.OnEach(ctx, "idata/server@same:30102 idata/server@other:30102\nidata/client@* answered answered", func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, interleaving)
			mustAgree(ctx, assoc.Agreed{Interleaving: true}, c, s)
			overtake(ctx, c, s)
			overtake(ctx, s, c)
			c.Finish(ctx)
		})
	})
})
