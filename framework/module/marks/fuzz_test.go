package marks

import "testing"

// Whatever an annotation says, it is refused, or what it says is written as it was read, and the
// field becomes what it says that it was.
func FuzzMark(f *testing.F) {
	f.Add(`{"run":"ab12c","was":false,"now":true}`)
	f.Add(`{"run":"ab12c","was":[{"path":"/theirs","actions":[{"type":"None"}]}],"now":null}`)
	f.Add(`{"was":{"a":[1e300,null,""]}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, at := range places {
			for _, object := range []string{nodeA, bareNode, worker, ownPool, noPolicy, withPolicy} {
				o := parse(t, object)
				o.SetAnnotations(map[string]string{at.key(): text})
				e, err := at.read(o)
				if err != nil {
					continue
				}
				if err := at.write(o, e); err != nil {
					t.Fatalf("%q is read and not written: %v", text, err)
				}
				if again, err := at.read(o); err != nil || !same(again, e) {
					t.Errorf("%q is read as %+v and then as %+v, %v", text, e, again, err)
				}
				if at.field == nil {
					continue
				}
				if err := at.put(o, e.Run, e.Was); err == nil && !same(at.get(o, e.Run), e.Was) {
					t.Errorf("%s of %s is %v, not %v", at.Kind, object, at.get(o, e.Run), e.Was)
				}
			}
		}
	})
}
