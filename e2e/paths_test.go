package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// path is one that a spec about associations works on; see lab.Lab.OnEach.
type path = lab.Path

// everyPath is all ways to one server: from its own node and from the others, straight to
// the pod, by the ClusterIP of its Service, and by the NodePort of each node.
const everyPath = `
	            x/server@same:30102  x/server@other:30102  svc/sctpservice:30102  node@*:svc/sctpservice:30102
	x/client@*  answered             answered              answered               answered
`

// onePathOfAKind leaves out NodePorts, which are translated as ClusterIPs are.
const onePathOfAKind = `
	            x/server@same:30102  x/server@other:30102  svc/sctpservice:30102
	x/client@*  answered             answered              answered
`

// podPaths are straight to the pod, for what depends on the two kernels only.
const podPaths = `
	            x/server@same:30102  x/server@other:30102
	x/client@*  answered             answered
`

// behindService deploys one server with a Service in front, and a client on every node.
func behindService(ctx SpecContext) *lab.Lab {
	GinkgoHelper()
	l := Deploy(ctx, "x/server@1:30102 app=sctpserver", "x/client@*")
	l.Apply(ctx, "x", "okd/sctpservice.yaml")
	return l
}

// onlyPods deploys one server and a client on every node.
func onlyPods(ctx SpecContext) *lab.Lab {
	GinkgoHelper()
	return Deploy(ctx, "x/server@1:30102", "x/client@*")
}

// exchange trades messages and then ends the association in order.
func exchange(ctx context.Context, c, s *lab.End, messages ...wire.SendMessage) {
	trade(ctx, c, s, messages...)
	c.Finish(ctx)
}

// trade sends messages both ways at the same time and fails the path unless each end
// received what the other sent.
func trade(ctx context.Context, c, s *lab.End, messages ...wire.SendMessage) {
	c.Path.Together(
		func() { c.Send(ctx, messages...) },
		func() { s.Send(ctx, messages...) },
		func() { c.Receive(ctx, len(messages)) },
		func() { s.Receive(ctx, len(messages)) },
	)
	c.ReceivedAll()
	s.ReceivedAll()
}

// bytes are messages of these sizes, one after another on stream 0.
func bytes(sizes ...int) []wire.SendMessage {
	var out []wire.SendMessage
	for _, n := range sizes {
		out = append(out, wire.SendMessage{Message: wire.Message{Size: n}})
	}
	return out
}
