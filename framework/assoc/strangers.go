package assoc

import (
	"slices"

	"sctp.test/framework/wire"
)

// explainStrangers finds out what became of messages that did not arrive as they were: cut,
// merged with others, split, or changed. What is left over was lost, or never sent.
func (c *comparison) explainStrangers() {
	missing := c.missing()
	var left []int
	for n := 0; n < len(c.strangers); n++ {
		k := c.strangers[n]
		if used := c.split(missing, c.strangers[n:]); used > 0 {
			n += used - 1
		} else if !c.merged(missing, k) && !c.cut(missing, k) {
			left = append(left, k)
		}
		missing = c.missing()
	}
	left = slices.DeleteFunc(left, func(k int) bool { return c.changed(k) })
	for _, i := range c.missing() {
		c.add("missing", "%s is missing", c.name(i))
	}
	for _, k := range left {
		c.add("that were not sent", "%d bytes on stream %d came that were not sent", c.got[k].Size, c.got[k].Stream)
	}
}

// missing are the messages that nothing which arrived accounts for.
func (c *comparison) missing() []int {
	var out []int
	for i, n := range c.arrived {
		if n == 0 {
			out = append(out, i)
		}
	}
	return out
}

// cut: the beginning of a missing message.
func (c *comparison) cut(missing []int, k int) bool {
	got := c.got[k]
	for _, i := range missing {
		if got.Size < c.sent.Messages[i].Size && begins(c.sent.payload(i), got) {
			c.arrived[i]++
			c.add("cut short", "%s was cut to %d bytes", c.name(i), got.Size)
			return true
		}
	}
	return false
}

// begins says whether a payload begins with what was got, of which an agent tells any size.
func begins(payload []byte, got wire.Event) bool {
	return got.Size >= 0 && got.Size <= len(payload) && wire.Digest(payload[:got.Size]) == got.Digest
}

// merged: two or more missing messages, one after another.
func (c *comparison) merged(missing []int, k int) bool {
	got := c.got[k]
	for n := range missing {
		var whole []byte
		for end := n; end < len(missing) && len(whole) < got.Size; end++ {
			whole = append(whole, c.sent.payload(missing[end])...)
			if end > n && len(whole) == got.Size && wire.Digest(whole) == got.Digest {
				for _, i := range missing[n : end+1] {
					c.arrived[i]++
				}
				c.add("merged", "%s to %s came merged into one of %d bytes", c.name(missing[n]), c.name(missing[end]), got.Size)
				return true
			}
		}
	}
	return false
}

// split: two or more strangers in a row are a missing message. It returns how many.
func (c *comparison) split(missing, strangers []int) int {
	for _, i := range missing {
		rest := c.sent.payload(i)
		for n, k := range strangers {
			got := c.got[k]
			if !begins(rest, got) {
				break
			}
			if rest = rest[got.Size:]; len(rest) == 0 && n > 0 {
				c.arrived[i]++
				c.add("split", "%s came split into %d", c.name(i), n+1)
				return n + 1
			}
		}
	}
	return 0
}

// changed: the size of a missing message on its stream, and other bytes.
func (c *comparison) changed(k int) bool {
	got := c.got[k]
	for _, i := range c.missing() {
		m := c.sent.Messages[i]
		if m.Size == got.Size && m.Stream == got.Stream {
			c.arrived[i]++
			c.add("with other bytes", "%s came with other bytes: digest %s instead of %s", c.name(i), got.Digest, wire.Digest(c.sent.payload(i)))
			return true
		}
	}
	return false
}
