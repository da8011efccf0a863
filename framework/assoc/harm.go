package assoc

import (
	"fmt"

	"sctp.test/framework/wire"
)

// The classes of harm, slugs that reports and fault tests compare with those of the
// diagnosis of paths.
const (
	SizeBlackHole  = "size-black-hole"
	DataLost       = "data-lost"
	MessageDamaged = "message-damaged"
	ChunkLost      = "chunk-lost" // of another kind than DATA
)

// always is the largest message in bytes that no path can be too narrow for: with the headers of
// IPv4, SCTP and its chunk it makes a packet that every host must take (RFC 791 section 3.1).
// Where smaller ones stay away, too, size is not why: an ordered stream stops at the first that is
// lost, and specs send messages that grow.
const always = 576 - 20 - 12 - 16

// Harm names what befell the messages that one end sent on their way to the other, by its
// class and, where that says more than the differences do, in words for the first line;
// nothing where all arrived as they were.
func Harm(s Sent, events []wire.Event) (class, sentence string) {
	c := comparison{sent: s, got: Messages(events)}
	c.match()
	c.explainStrangers()
	c.labels()
	c.order()
	largest, smallest := 0, 0 // of those that arrived, and of those that did not
	for i, n := range c.arrived {
		switch size := s.Messages[i].Size; {
		case n > 0:
			largest = max(largest, size)
		case smallest == 0 || size < smallest:
			smallest = size
		}
	}
	switch {
	case smallest > largest && largest > 0 && smallest > always:
		return SizeBlackHole, fmt.Sprintf("messages of up to %d bytes arrive and those of %d do not, as if packets above a size were lost", largest, smallest)
	case smallest > 0:
		return DataLost, "messages are lost"
	case len(c.harm) > 0:
		return MessageDamaged, ""
	}
	return "", ""
}
