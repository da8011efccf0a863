package wire

import (
	"bytes"
	"testing"
)

// The suite and the agents may be of different builds: these bytes are part of the
// protocol, and another digest here needs another Version.
func TestPayloadIsForEver(t *testing.T) {
	for _, c := range []struct {
		nonce       string
		index, size int
		want        string
	}{
		{"7f3a09", 0, 1, "7c5bd2d144fdde49"},
		{"7f3a09", 0, 1000, "470fb1cf8ebc5975"},
		{"7f3a09", 1, 1000, "2e701ccd96b22238"},
		{"7f3a09", 65_536, 1000, "ff053f117288b6d3"},
		{"000000", 0, 1000, "331d85e61fbecc3c"},
		{"", 0, 1000, "30e1de3563b32376"},
	} {
		b := Payload(c.nonce, c.index, c.size)
		if len(b) != c.size {
			t.Errorf("%q %d: %d bytes, want %d", c.nonce, c.index, len(b), c.size)
		}
		if got := Digest(b); got != c.want {
			t.Errorf("%q %d %d: digest %s, want %s", c.nonce, c.index, c.size, got, c.want)
		}
	}
}

// SHA-256 of nothing and of "abc", as FIPS 180-4 has them.
func TestDigest(t *testing.T) {
	for text, want := range map[string]string{"": "e3b0c44298fc1c14", "abc": "ba7816bf8f01cfea"} {
		if got := Digest([]byte(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// No two messages of a batch may be taken for each other.
func TestPayloadsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, nonce := range []string{"7f3a09", "7f3a0a", "000000"} {
		for index := range 300 {
			seen[Digest(Payload(nonce, index, 16))] = true
		}
	}
	if len(seen) != 900 {
		t.Errorf("%d different payloads of 900", len(seen))
	}
}

// A message cut short is the beginning of the whole one, so that truncation shows as a
// changed size and digest, never as another message.
func TestPayloadGrowsAtTheEnd(t *testing.T) {
	whole := Payload("7f3a09", 3, 1<<16)
	for _, size := range []int{0, 1, 7, 8, 31, 32, 1499, 1 << 15} {
		if !bytes.Equal(Payload("7f3a09", 3, size), whole[:size]) {
			t.Errorf("the payload of %d bytes is not the beginning of the longer one", size)
		}
	}
}
