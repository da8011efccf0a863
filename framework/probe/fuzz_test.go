package probe

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// Whatever an agent says, a question ends with the reply to it, or with an error.
func FuzzStream(f *testing.F) {
	hello, err := json.Marshal(wire.Hello{Version: wire.Version, Boot: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(string(hello)+"\n{\"id\":7}\n{\"id\":1,\"records\":[{\"nonce\":\"n\"}]}\n"), true)
	f.Add([]byte(string(hello)+"\n{\"id\":1}{\"id\":1,\"error\":\"why\"}[\x00"), false)
	f.Add([]byte("null\n"), false)
	f.Fuzz(func(t *testing.T, says []byte, stays bool) {
		dial := func(_ context.Context, stdin io.Reader, stdout io.Writer) error {
			if _, err := stdout.Write(says); err != nil || !stays {
				return err
			}
			_, err := io.Copy(io.Discard, stdin)
			return err
		}
		in(t, dial, func(t *testing.T, a *Agent) {
			begun := time.Now()
			reply, err := a.Ask(within(t, time.Minute), question("n"))
			if err == nil && reply.ID != 1 {
				t.Errorf("the reply to question 1 is %+v", reply)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	})
}
