package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"sctp.test/framework/wire"
)

// stream is one run of the dialer.
type stream struct {
	stop    context.CancelCauseFunc
	in      *io.PipeWriter // the agent's stdin
	out     chan []byte    // lines to the agent
	hello   wire.Hello
	greeted chan struct{} // closed when hello is set
	ended   chan struct{} // closed when the stream is over and cause is set
	cause   error

	mu      sync.Mutex
	waiting map[uint64]chan wire.Reply
	due     time.Time // since when there is no byte although a reply is due; zero: none is
}

func start(ctx context.Context, dial Dialer) *stream {
	ctx, cancel := context.WithCancelCause(ctx)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &stream{
		stop: cancel, in: inW, out: make(chan []byte),
		greeted: make(chan struct{}), ended: make(chan struct{}),
		waiting: map[uint64]chan wire.Reply{},
	}
	end := func(err error) {
		_ = outW.CloseWithError(err)
		s.hangUp() // an end of file: client-go logs any other error of its stdin
	}
	// A dialer that does not heed its context must not hold up those who have ended it.
	context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	go func() {
		err := dial(ctx, inR, outW)
		if err == nil {
			err = io.EOF
		}
		end(err)
	}()
	go s.talk()
	go s.listen(outR)
	return s
}

// talk writes lines until the stream ends. It has a goroutine of its own so that a
// stream that takes no more input stalls nobody who has a deadline.
func (s *stream) talk() {
	for {
		select {
		case line := <-s.out:
			if _, err := s.in.Write(line); err != nil {
				return // the reader saw the same end
			}
		case <-s.ended:
			return
		}
	}
}

// hangUp tells the agent that nothing more is asked.
func (s *stream) hangUp() { _ = s.in.Close() }

// listen hands out replies until the stream ends.
func (s *stream) listen(r *io.PipeReader) {
	defer close(s.ended)
	defer s.stop(nil)
	dec := json.NewDecoder(heard{r, s})
	s.cause = dec.Decode(&s.hello)
	if s.cause == nil {
		close(s.greeted)
	}
	for s.cause == nil {
		var reply wire.Reply
		if s.cause = dec.Decode(&reply); s.cause == nil {
			s.deliver(reply)
		}
	}
	_ = r.CloseWithError(s.cause)
}

func (s *stream) deliver(reply wire.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.waiting[reply.ID]; ok {
		delete(s.waiting, reply.ID) // an agent that repeats itself must not fill the channel
		c <- reply
	}
	if len(s.waiting) == 0 {
		s.due = time.Time{}
	}
}

// expect registers a question before it is sent, so that no reply can be too early.
func (s *stream) expect(id uint64) <-chan wire.Reply {
	c := make(chan wire.Reply, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = c
	if s.due.IsZero() {
		s.due = time.Now()
	}
	return c
}

func (s *stream) forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// heard is what the agent says; every byte of it is a sign of life.
type heard struct {
	io.Reader
	stream *stream
}

func (h heard) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if n > 0 {
		h.stream.lives()
	}
	return n, err
}

func (s *stream) lives() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.due.IsZero() {
		s.due = time.Now()
	}
}

// giveUpIfStalled is for a question that has waited in vain. A stream that owes a reply and
// has not said a byte for long is ended, so that the next question gets another one: the
// agent behind it may be well. What is owed to questions that do not wait any more counts,
// or several with short deadlines would never end it.
func (s *stream) giveUpIfStalled() {
	s.mu.Lock()
	owes, silent := !s.due.IsZero(), time.Since(s.due)
	s.mu.Unlock()
	if owes && silent >= stalled {
		s.stop(fmt.Errorf("it was given up: not a byte for %v", silent.Round(time.Millisecond)))
		<-s.ended // so that the next question does not meet it
	}
}
