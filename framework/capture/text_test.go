package capture

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

func TestPacketText(t *testing.T) {
	wrong := initOf(client, server)
	wrong[28]++ // a byte of its checksum
	fragment := sctp(client, server, tagS, raw(chunkData, 3, make([]byte, 40)))
	fragment[6] = 0x20 // more are to come
	later := append([]byte{}, fragment...)
	later[7] = 5
	tests := []struct {
		name   string
		packet []byte
		want   string
	}{
		{"INIT", initOf(client, service), "10.244.1.7:40321 > 10.96.0.5:30100 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77"},
		{
			"INIT with addresses",
			sctp(client6, server6, 0, raw(chunkInit, 0, append(words(1, 2, 3<<16|4, 5), append(append(raw(0, 5, client.Addr().AsSlice()),
				raw(0, 6, client6.Addr().AsSlice())...), raw(0xc0, 0, nil)...)...))),
			"[fd00:244:1::7]:40321 > [fd00:244:2::4]:80 sctp vtag 0x0 INIT tag 0x1 a_rwnd 2 os 3 is 4 tsn 5 lists 10.244.1.7 lists fd00:244:1::7",
		},
		{"INIT-ACK", initAckOf(server, client), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c INIT-ACK tag 0xa0b0c0d a_rwnd 106496 os 10 is 10 tsn 77"},
		{
			"bundled",
			sctp(client, server, tagS, raw(chunkCookieEcho, 0, make([]byte, 5)), raw(chunkData, 3, append(words(77, 1<<16|2, 46), 1, 2, 3))),
			"10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0xa0b0c0d COOKIE-ECHO, DATA tsn 77 stream 1 ssn 2 ppid 46 len 3",
		},
		{"SACK", sctp(server, client, tagC, raw(chunkSack, 0, words(77, 1000, 1<<16|2))), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c SACK cum 77 a_rwnd 1000 gaps 1 dups 2"},
		{"HEARTBEAT", sctp(server, client, tagC, raw(chunkHeartbeat, 0, nil)), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c HEARTBEAT"},
		{"SHUTDOWN", sctp(server, client, tagC, raw(chunkShutdown, 0, words(9))), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c SHUTDOWN cum 9"},
		{"I-DATA", sctp(server, client, tagC, raw(chunkIData, 3, words(1, 2<<16, 3, 4))), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c I-DATA tsn 1 stream 2 mid 3 len 0"},
		{
			"ABORT", sctp(server, client, tagC, raw(chunkAbort, 0, append(raw(0, 12, []byte("bye")), raw(0, 99, nil)...))),
			"10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c ABORT (aborted by the user, cause 99)",
		},
		{"ABORT without a cause", abortOf(server, client), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c ABORT"},
		{"ERROR", sctp(server, client, tagC, raw(chunkError, 0, raw(0, 3, words(1)))), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c ERROR (stale cookie)"},
		{"a chunk of tomorrow", sctp(server, client, tagC, raw(200, 0, nil)), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c chunk type 200"},
		{"a chunk that is too short", sctp(server, client, tagC, raw(chunkSack, 0, words(1))), "10.244.2.4:80 > 10.244.1.7:40321 sctp vtag 0x1f2e3d4c SACK"},
		{"cut off", initOf(client, server)[:38], "10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 INIT ..."},
		{"bad checksum", wrong, "10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 bad checksum INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77"},
		{"padded by the wire", append(initOf(client, server), 0, 0), "10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77"},
		{"first fragment", fragment, "10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0xa0b0c0d DATA tsn 0 stream 0 ssn 0 ppid 0 len 28 ..."},
		{"later fragment", later, "10.244.1.7 > 10.244.2.4 fragment, 76 bytes"},
		{
			"protocol unreachable", about(server.Addr(), client.Addr(), 3, 2, 0, initOf(client, server)),
			"10.244.2.4 > 10.244.1.7 icmp protocol unreachable about 10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77 ...",
		},
		{
			"eight bytes of a quotation", about(server.Addr(), client.Addr(), 3, 4, 1400, initOf(client, server)[:28]),
			"10.244.2.4 > 10.244.1.7 icmp fragmentation needed, mtu 1400 about 10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 ...",
		},
		{"nothing quoted", about(server.Addr(), client.Addr(), 3, 99, 0, nil), "10.244.2.4 > 10.244.1.7 icmp type 3 code 99"},
		{
			"too big", about(server6.Addr(), client6.Addr(), 2, 0, 1280, initOf(client6, server6)[:60]),
			"fd00:244:2::4 > fd00:244:1::7 icmp6 packet too big, mtu 1280 about [fd00:244:1::7]:40321 > [fd00:244:2::4]:80 sctp vtag 0x0 INIT tag 0x1f2e3d4c ...",
		},
		{"UDP", ip(client.Addr(), server.Addr(), 17, make([]byte, 8)), "10.244.1.7 > 10.244.2.4 protocol 17, 28 bytes"},
		{"no IP", []byte{0, 1}, "no IP packet, 2 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Packet{Data: tt.packet, Length: len(tt.packet)}.Text()
			if got != tt.want {
				t.Errorf("is written as\n%s, want\n%s", got, tt.want)
			}
		})
	}
	if got := (Packet{Data: wrong, Unsummed: true}).Text(); strings.Contains(got, "bad checksum") {
		t.Errorf("a checksum that nobody has computed yet: %s", got)
	}
}

func TestText(t *testing.T) {
	w := watch(t, "b", "a")
	w.see("a", wire.LinkPod, In, initOf(client, service))
	w.see("a", wire.LinkWire, Out, initOf(client, server))
	w.see("b", wire.LinkWire, In, initOf(client, server))
	w.captures[0].Dropped = 3
	w.captures[1].Complete = false
	var out strings.Builder
	if err := Text(&out, w.captures); err != nil {
		t.Fatal(err)
	}
	const want = `0.000000 a veth1 in  10.244.1.7:40321 > 10.96.0.5:30100 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77
0.001500 b eth0  in  10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77
0.001500 a eth0  out 10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0x0 INIT tag 0x1f2e3d4c a_rwnd 106496 os 10 is 10 tsn 77
the capture of node b has lost 3 packets
times of node a are corrected by 1.5ms
the capture of node a was broken off
`
	if out.String() != want {
		t.Errorf("written as\n%swant\n%s", out.String(), want)
	}
}

// A clock that is set back while it captures turns no packets around.
func TestTextOfAClockThatSteps(t *testing.T) {
	w := watch(t, "a")
	w.see("a", wire.LinkPod, In, initOf(client, server))
	w.see("a", wire.LinkPod, Out, initAckOf(server, client))
	w.see("a", wire.LinkPod, In, sctp(client, server, tagS, raw(chunkCookieEcho, 0, nil)))
	w.captures[0].Packets[1].At = start.Add(-time.Hour)
	w.captures[0].Packets[2].At = start.Add(-time.Hour + time.Millisecond)
	var out strings.Builder
	if err := Text(&out, w.captures); err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		order = append(order, f[0]+" "+f[10])
	}
	if got := strings.Join(order, ", "); got != "0.000000 INIT, 0.000000 INIT-ACK, 0.001000 COOKIE-ECHO" {
		t.Errorf("the order is %s\n%s", got, out.String())
	}
}

// However little was captured of a packet, it is told as far as it is there.
func TestEveryBeginningOfAPacket(t *testing.T) {
	packets := map[string][]byte{
		"INIT":        initOf(client, service),
		"INIT over 6": initOf(client6, server6),
		"data":        sctp(client, server, tagS, raw(chunkData, 3, append(words(77, 1<<16|2, 46), 1, 2, 3)), raw(chunkSack, 0, words(77, 1000, 1<<16|2))),
		"abort":       sctp(server, client, tagC, raw(chunkAbort, 0, append(raw(0, 12, []byte("bye")), raw(0, 99, nil)...))),
		"icmp":        about(server.Addr(), client.Addr(), 3, 4, 1400, initOf(client, server)),
		"icmp6":       about(server6.Addr(), client6.Addr(), 2, 0, 1280, initOf(client6, server6)),
	}
	for name, whole := range packets {
		full := Packet{Data: whole, Length: len(whole)}.Text()
		for n := range len(whole) {
			part := Packet{Data: whole[:n], Length: len(whole)}
			got := part.Text()
			if got == "" || strings.Contains(got, "%!") || n < 20 && got != fmt.Sprintf("no IP packet, %d bytes", len(whole)) {
				t.Errorf("%d bytes of %s: %s", n, name, got)
			}
			if got == full && !strings.HasPrefix(name, "icmp") {
				t.Errorf("%d bytes of %s are told like all of it: %s", n, name, got)
			}
			if strings.Contains(got, "bad checksum") {
				t.Errorf("%d bytes of %s: a checksum of what is not all there: %s", n, name, got)
			}
		}
	}
}

// Any bit that is turned on the way makes the checksum wrong.
func TestEveryBitIsSummed(t *testing.T) {
	whole := sctp(client, server, tagS, raw(chunkData, 3, append(words(77, 1<<16|2, 46), 1, 2, 3)))
	for i := 20; i < len(whole); i++ {
		for bit := range 8 {
			turned := append([]byte{}, whole...)
			turned[i] ^= 1 << bit
			d, ok := parseIP(turned)
			if !ok {
				t.Fatal("no IP packet any more")
			}
			if s, ok := parseSCTP(d); ok && s.sum != sumWrong {
				t.Errorf("bit %d of byte %d: the sum is %d", bit, i, s.sum)
			}
		}
	}
	d, _ := parseIP(whole)
	if s, _ := parseSCTP(d); s.sum != sumRight {
		t.Errorf("untouched, the sum is %d", s.sum)
	}
}

// What ICMP says is told in words, and in numbers where there are none.
func TestReasons(t *testing.T) {
	four := map[[2]byte]string{
		{3, 0}: "network unreachable", {3, 1}: "host unreachable", {3, 2}: "protocol unreachable", {3, 3}: "port unreachable",
		{3, 4}: "fragmentation needed, mtu 1400", {3, 9}: "network administratively prohibited", {3, 10}: "host administratively prohibited",
		{3, 13}: "administratively prohibited", {3, 7}: "type 3 code 7", {11, 0}: "time exceeded", {12, 0}: "parameter problem", {5, 1}: "type 5 code 1",
	}
	for said, want := range four {
		if got := (icmp{kind: said[0], code: said[1], field: 1400}).reason(); got != "icmp "+want {
			t.Errorf("%v is %q, want %q", said, got, want)
		}
	}
	six := map[[2]byte]string{
		{1, 0}: "no route", {1, 1}: "administratively prohibited", {1, 2}: "beyond the scope of the source", {1, 3}: "address unreachable",
		{1, 4}: "port unreachable", {1, 5}: "source address failed a policy", {1, 6}: "route rejected", {1, 9}: "type 1 code 9",
		{2, 0}: "packet too big, mtu 1400", {3, 0}: "time exceeded", {4, 0}: "erroneous header", {4, 1}: "unrecognised next header",
		{4, 2}: "unrecognised option", {4, 3}: "type 4 code 3", {100, 0}: "type 100 code 0",
	}
	for said, want := range six {
		if got := (icmp{v6: true, kind: said[0], code: said[1], field: 1400}).reason(); got != "icmp6 "+want {
			t.Errorf("%v over IPv6 is %q, want %q", said, got, want)
		}
	}
}

// Where a packet was seen is told by the kind of interface and the way it went.
func TestHops(t *testing.T) {
	for _, tt := range []struct {
		kind wire.LinkKind
		way  Way
		want Side // "" is nowhere
	}{
		{wire.LinkPod, In, FromPod},
		{wire.LinkPod, Out, ToPod},
		{wire.LinkWire, In, FromWire},
		{wire.LinkWire, Out, ToWire},
		{wire.LinkTunnel, In, FromWire},
		{wire.LinkTunnel, Out, ToWire},
		{wire.LinkBridge, In, ""},
		{wire.LinkBridge, Out, ""},
		{wire.LinkLoopback, Out, ""},
		{wire.LinkOther, In, ""},
	} {
		want := Hop{}
		if tt.want != "" {
			want = Hop{"a", tt.want}
		}
		if got := (Packet{Node: "a", Kind: tt.kind, Way: tt.way}).hop(); got != want {
			t.Errorf("%s %s is %v, want %v", tt.kind, tt.way, got, want)
		}
	}
}

// A packet passes the nodes in order, and hosts have no hop of a pod.
func TestCourses(t *testing.T) {
	watched := []Capture{{Node: "a"}, {Node: "b"}, {Node: "c"}}
	for _, tt := range []struct {
		name  string
		probe Probe
		there []Hop
	}{
		{"between pods", direct, []Hop{aFromPod, aToWire, bFromWire, bToPod}},
		{"on one node", sameNode, []Hop{aFromPod, aToPod}},
		{"by another node", toNode, []Hop{aFromPod, aToWire, bFromWire, bToWire, cFromWire, cToPod}},
		{"by the client's own node", Probe{ClientNode: "a", Via: "a", ServerNode: "b"}, []Hop{aFromPod, aToWire, bFromWire, bToPod}},
		{"from a host", Probe{ClientNode: "a", ServerNode: "b", ClientOnHost: true}, []Hop{aToWire, bFromWire, bToPod}},
		{"to a host", Probe{ClientNode: "a", ServerNode: "b", ServerOnHost: true}, []Hop{aFromPod, aToWire, bFromWire}},
	} {
		there, back := tt.probe.courses(watched)
		if !slices.Equal(there.hops, tt.there) {
			t.Errorf("%s: there by %v, want %v", tt.name, there.hops, tt.there)
		}
		if len(back.hops) != len(there.hops) || len(back.hops) > 0 && tt.probe.ServerOnHost != (back.hops[0].Side != FromPod) {
			t.Errorf("%s: back by %v", tt.name, back.hops)
		}
	}
	if there, _ := direct.courses(watched[1:]); !slices.Equal(there.hops, []Hop{bFromWire, bToPod}) {
		t.Errorf("with one node watched: %v", there.hops)
	}
}

// Clocks are set by packets that went between nodes, also where NAT changed them.
func TestOffsets(t *testing.T) {
	w := watch(t, "a", "b", "c", "d")
	w.pass(initOf(client, nodePt), aToWire, bFromWire) // each sighting is 1.5 ms after the one before
	w.pass(initOf(masq, server), bToWire, cFromWire)
	w.pass(initAckOf(server, masq), cToWire, bFromWire)
	w.pass(initOf(client, server), aFromPod) // says nothing of clocks
	for i := range w.captures {
		for j := range w.captures[i].Packets {
			p := &w.captures[i].Packets[j]
			p.At = p.At.Add(time.Duration(i) * time.Second)
		}
	}
	got := offsets(w.captures)
	const oneWay = 1500 * time.Microsecond // from a to b; by way of b it takes three of them to c
	if got["a"] != 0 || got["b"] != time.Second+oneWay || got["c"] != 2*time.Second+3*oneWay || len(got) != 3 {
		t.Errorf("offsets are %v", got)
	}
	if got, ok := ahead(w.captures[1], w.captures[2]); got != time.Second || !ok { // both ways are known
		t.Errorf("c is ahead of b by %v, %v", got, ok)
	}
	w.pass(initOf(client, nodePt), aToWire) // twice sent, once come: no longer to be told apart
	if got := offsets(w.captures); len(got) != 1 {
		t.Errorf("offsets are %v", got)
	}
	if got := offsets(nil); len(got) != 0 {
		t.Errorf("offsets of nothing are %v", got)
	}
}
