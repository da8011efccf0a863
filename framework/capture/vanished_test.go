package capture

import (
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// data is a packet with one chunk of data, as long as the value makes it.
func data(tsn uint32, size int) []byte {
	return sctp(client, server, tagS, raw(chunkData, 3, append(words(tsn, 1<<16|2, 46), make([]byte, size)...)))
}

func chunkOf(kind byte, value ...uint32) []byte {
	return sctp(client, server, tagS, raw(kind, 0, words(value...)))
}

var allThere, allBack = []Hop{aFromPod, aToWire, bFromWire, bToPod}, []Hop{bFromPod, bToWire, aFromWire, aToPod}

func TestVanished(t *testing.T) {
	heartbeat := chunkOf(chunkHeartbeat, 1)
	for name, c := range map[string]struct {
		scene func(w *watched)
		want  string
	}{
		"nothing": {func(w *watched) {
			w.pass(data(1, 100), allThere...)
			w.pass(chunkOf(chunkAbort), allThere...)
		}, ""},
		"an ABORT": {func(w *watched) { w.pass(chunkOf(chunkAbort), aFromPod, aToWire) }, "ABORT left the client pod and node a, never reached node b"},
		"heartbeats, each time": {func(w *watched) {
			for range 3 {
				w.pass(heartbeat, aFromPod, aToWire, bFromWire)
			}
		}, "HEARTBEAT left the client pod and node a, reached node b, never reached the server pod"},
		"a heartbeat at the end": {func(w *watched) { w.pass(heartbeat, aFromPod) }, ""},
		"a heartbeat among others": {func(w *watched) {
			w.pass(heartbeat, aFromPod)
			w.pass(heartbeat, allThere...)
			w.pass(heartbeat, aFromPod)
		}, ""},
		"what is large": {func(w *watched) {
			w.pass(data(1, 100), allThere...)
			w.pass(data(2, 1400), aFromPod)
			w.pass(data(2, 1400), aFromPod)
		}, "DATA in packets of 1448 bytes (those of up to 148 bytes arrive) left the client pod, never left node a"},
		"one of many": {func(w *watched) {
			w.pass(data(1, 100), aFromPod)
			w.pass(data(1, 100), aFromPod)
			w.pass(data(2, 100), allThere...)
		}, ""},
		"what is sent again and arrives": {func(w *watched) {
			w.pass(data(1, 100), aFromPod)
			w.pass(data(1, 100), allThere...)
		}, ""},
		"a SHUTDOWN-ACK": {func(w *watched) {
			for range 2 {
				w.pass(sctp(server, client, tagC, raw(chunkShutdownAck, 0, nil)), bFromPod, bToWire, aFromWire)
			}
		}, "SHUTDOWN-ACK left the server pod and node b, reached node a, never reached the client pod"},
	} {
		w := watch(t, "a", "b")
		forth(w, allThere...)
		back(w, allBack...)
		c.scene(w)
		var got []string
		for _, l := range Vanished(w.captures, direct) {
			got = append(got, l.Text())
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// An end that is not watched, and a handshake that did not come through, tell nothing.
func TestVanishedNeedsBothEnds(t *testing.T) {
	w := watch(t, "a", "b")
	w.pass(chunkOf(chunkAbort), aFromPod)
	if got := Vanished(w.captures, direct); len(got) > 0 {
		t.Errorf("without a handshake: %v", got)
	}
	if got := Vanished(nil, direct); len(got) > 0 {
		t.Errorf("without captures: %v", got)
	}
}

func TestSums(t *testing.T) {
	w := watch(t, "a", "b")
	broken := data(1, 10)
	broken[len(broken)-1]++
	w.pass(data(1, 10), allThere...)
	w.pass(broken, aFromPod, aToWire, bFromWire)
	w.see("a", wire.LinkBridge, In, broken)
	w.captures[0].Packets = append(w.captures[0].Packets, Packet{Node: "a", Kind: wire.LinkPod, Way: In, Data: broken, Length: len(broken), Unsummed: true})
	cut := data(2, 300)
	w.captures[1].Packets = append(w.captures[1].Packets, Packet{Node: "b", Kind: wire.LinkWire, Way: In, Data: cut[:200], Length: len(cut)})
	judged, wrong := Sums(w.captures)
	want := []string{
		"1 of 2 packets that come from a pod of node a by veth1 have a wrong CRC32c, such as 10.244.1.7:40321 > 10.244.2.4:80 sctp vtag 0xa0b0c0d bad checksum DATA",
		"1 of 2 packets that leave node a by eth0 have", "1 of 2 packets that come to node b by eth0 have", "1 of 1 packets within node a by cni0 have",
	}
	if judged != 8 || len(wrong) != len(want) {
		t.Fatalf("%d judged, wrong are %q", judged, wrong)
	}
	for i := range want {
		if !strings.HasPrefix(wrong[i], want[i]) {
			t.Errorf("%q, want %q", wrong[i], want[i])
		}
	}
}
