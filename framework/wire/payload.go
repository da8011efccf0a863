package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Payload returns the bytes of the index-th message of a probe. Both ends and the judge
// can make them, so only digests travel.
func Payload(nonce string, index, size int) []byte {
	var seed [32]byte
	h := sha256.Sum256([]byte(nonce))
	copy(seed[:], h[:])
	binary.BigEndian.PutUint32(seed[28:], uint32(index))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// Digest identifies a payload: the first 16 hex digits of its SHA-256.
func Digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}
