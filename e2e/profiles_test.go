package e2e

import "sctp.test/framework/wire"

// profile is how an application frames its messages: what one dialogue sends.
type profile struct {
	name    string
	ppid    uint32 // IANA, SCTP Payload Protocol Identifiers
	streams []uint16
	sizes   []int
}

// telecom are the applications that SCTP is used for most in clusters. The first message
// of each is its set-up procedure, on stream 0 where the protocol reserves one.
var telecom = []profile{
	{"NGAP (3GPP TS 38.412)", 60, []uint16{0, 1, 1, 2, 2, 1}, []int{92, 61, 1180, 48, 2400, 9000}},
	{"S1AP (3GPP TS 36.412)", 18, []uint16{0, 1, 1, 2, 2, 1}, []int{74, 120, 420, 36, 1452, 3000}},
	{"X2AP (3GPP TS 36.422)", 27, []uint16{0, 1, 1}, []int{210, 96, 1600}},
	{"Diameter (RFC 6733 section 2.1.1)", 46, []uint16{0, 0, 0, 0}, []int{180, 84, 1432, 4096}},
	{"M3UA (RFC 4666 section 1.4.7)", 3, []uint16{0, 1, 2, 3, 1}, []int{8, 40, 272, 272, 44}},
}

// messages are those of a dialogue.
func (p profile) messages() []wire.SendMessage {
	var out []wire.SendMessage
	for i, n := range p.sizes {
		out = append(out, wire.SendMessage{Message: wire.Message{Size: n, Stream: p.streams[i], PPID: p.ppid}})
	}
	return out
}

// growing are messages that are each so many bytes longer than the one before, up to about
// 1500; then they begin again.
func growing(count, first, step int) []wire.SendMessage {
	var out []wire.SendMessage
	for i := range count {
		out = append(out, bytes(first+i*step%1500)...)
	}
	return out
}

// identified are messages with these payload protocol identifiers.
func identified(ppids ...uint32) []wire.SendMessage {
	out := growing(len(ppids), 20, 1)
	for i, p := range ppids {
		out[i].PPID = p
	}
	return out
}

// onStreams go round the streams; some are longer than a packet.
func onStreams(count int, streams uint16) []wire.SendMessage {
	out := growing(count, 1, 397)
	for i := range out {
		out[i].Stream = uint16(i) % streams
		if i%7 == 3 {
			out[i].Size += 4000
		}
	}
	return out
}

// onStream are messages that are all sent on one stream.
func onStream(stream uint16, messages ...wire.SendMessage) []wire.SendMessage {
	for i := range messages {
		messages[i].Stream = stream
	}
	return messages
}

// everyOtherUnordered are on one stream; some are longer than a packet.
func everyOtherUnordered(count int) []wire.SendMessage {
	out := onStreams(count, 1)
	for i := range out {
		out[i].Unordered = i%2 == 1
	}
	return out
}

// mortal are messages on stream 1 that live for so many milliseconds.
func mortal(count int, life uint32) []wire.SendMessage {
	out := growing(count, 500, 1)
	for i := range out {
		out[i].Stream, out[i].Policy, out[i].Value = 1, "ttl", life
	}
	return out
}
