package reach

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"sctp.test/framework/wire"
)

// FuzzJudge: whatever an agent or a damaged file says, the judge does not fall over, and
// a denial is never proven by less than it takes.
func FuzzJudge(f *testing.F) {
	for _, happen := range events {
		line, err := json.Marshal(evidence(wire.SCTP, happen))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var e Evidence
		if json.Unmarshal(line, &e) != nil || !sane(e.Probe) {
			return
		}
		found := Judge(e)
		if found.Outcome == "" || found.Reason == "" {
			t.Errorf("no outcome or no reason: %+v", found)
		}
		if Denied.Admits(found) {
			connecting := e.Seen != nil && e.Seen.Nonce == e.Probe.Nonce && e.Seen.Stage == wire.StageConnect
			if !connecting || len(e.Records) > 0 || e.Trouble != "" || e.Seen.Ender == wire.EndedByAgent || e.Seen.Ender == wire.EndedByPeer {
				t.Errorf("not proven, and yet denied: %+v", e)
			}
		}
		if Word(Answered).Admits(found) {
			if e.Seen == nil || e.Seen.Greeting == nil || e.Seen.Greeting.Nonce != e.Probe.Nonce || len(e.Records) == 0 || e.Trouble != "" {
				t.Errorf("without two witnesses, and yet answered: %+v", e)
			}
		}
		_ = CheckInits([]Evidence{e}, nil)
		_ = report(Result{
			Matrix: Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("x/server:80"), Want: [][]Word{{Denied}}},
			Found:  [][]Cell{{{Finding: found}}},
		}).Text()
	})
}

// sane leaves out probes that the suite never makes: the probe is ours, not the agent's.
func sane(p wire.Probe) bool {
	for _, m := range p.Messages {
		if m.Size < 1 || m.Size > 1<<16 {
			return false
		}
	}
	return len(p.Messages) < 100 && p.Timers.MaxInits >= 0 && p.Timers.MaxInits < 100
}

// FuzzReplay: whatever stands in probes.jsonl, it is refused or judged, and a series that came to
// nothing says why.
func FuzzReplay(f *testing.F) {
	f.Add(saved(f, "silent answered answered").Bytes())
	f.Add(saved(f, "answered refused").Bytes())
	for _, lines := range []string{
		`{"claim":{"series":1,"matrices":[{"rows":[{"word":"a"}],"columns":[{"word":"b"}]}]}}` + "\n" + `{"asked":{"series":1,"client":"a","server":"b"}}`,
		`{"claim":{"series":1,"hold":-1,"sharing":{"service":"s","near":{}}}}` + "\n" + `{"asked":{"series":1}}`,
		`{"claim":{"series":1}}` + "\n" + `{"aside":{"series":9}}`,
	} {
		f.Add([]byte(lines))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		for {
			var l Line
			if dec.Decode(&l) != nil {
				break
			}
			if l.Asked != nil && !sane(l.Asked.Evidence.Probe) {
				return
			}
		}
		asked := 0
		series, err := ReplayEach(bytes.NewReader(raw), func(Asked) { asked++ })
		if err != nil {
			return
		}
		for _, s := range series {
			if ground, text := s.Conclusion(); (ground == "") != (text == "") || ground == "" && !s.Settled() {
				t.Errorf("ground %q, text %q", ground, text)
			}
			_ = s.Report.Text()
		}
		if ground, _ := Verdict(series); ground == "" && slices.ContainsFunc(series, func(s *Series) bool { return s.Sharing == nil && !s.Settled() }) {
			t.Errorf("nothing is wrong with a series that is not settled, after %d probes", asked)
		}
	})
}
