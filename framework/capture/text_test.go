package capture

import (
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
