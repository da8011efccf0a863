package assoc

// Classes of what befalls associations rather than their messages.
const (
	ConnectFailed  = "connect-failed"  // although ordinary probes of the path were answered
	StreamsChanged = "streams-changed" // the ends do not have the streams that they agreed on
	EndNotTold     = "end-not-told"    // that its peer is gone, or too late
)

// Classes lists all classes that paths of associations end with by themselves.
func Classes() []string {
	return []string{SizeBlackHole, DataLost, MessageDamaged, ChunkLost, ConnectFailed, StreamsChanged, EndNotTold}
}

// as gives a fault a class.
func (f *Fault) as(class string) *Fault {
	f.Class = class
	return f
}
