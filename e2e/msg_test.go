package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

var _ = chapter("Messages", func() {
	It("of every size arrive byte by byte between pods", spec.Case{
		ID: "MSG-01", Level: spec.Core,
		Claim:  "Messages of 1 byte to 64 KiB MUST arrive whole and unchanged, both ways, on every path between pods.",
		Source: "RFC 9260 section 6.9",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "x/client@*")
		lab.ExpectMessages(ctx, sizes(1, 100, 1200, 1400, 1452, 1500, 4096, 9000, 16384, 65535, 65536), `
			            x/server@same:30100  x/server@other:30100
			x/client@*  answered             answered
		`)
	})
})

// sizes are messages of these numbers of bytes, one after another on stream 0.
func sizes(bytes ...int) []wire.Message {
	var out []wire.Message
	for _, n := range bytes {
		out = append(out, wire.Message{Size: n})
	}
	return out
}
