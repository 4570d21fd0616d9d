package sipwire

import (
	"bytes"
	"testing"
)

// FuzzBody reads bodies of any type: what is found lies in the body, and replacing it changes nothing else.
func FuzzBody(f *testing.F) {
	for _, b := range bodies {
		f.Add(b.headers, b.body, session)
	}
	f.Fuzz(func(t *testing.T, headers, body, with string) {
		raw := withBody(headers, body)
		m := new(Message)
		if m.Parse(raw) != None {
			return
		}
		at, ok := m.SDP()
		if !ok {
			return
		}
		if at.Empty() || at.Off < m.body.Off || at.End > m.body.End {
			t.Fatalf("found at %v in a body at %v", at, m.body)
		}
		before, behind := bytes.Clone(raw[m.body.Off:at.Off]), bytes.Clone(raw[at.End:m.body.End])
		received := bytes.Clone(raw)
		m.ReplaceBody(at, []byte(with))
		out := m.AppendTo(nil)
		if len(out) > m.Size() {
			t.Errorf("%d bytes, at most %d were told", len(out), m.Size())
		}
		if !bytes.Equal(raw, received) {
			t.Error("the received bytes were written to")
		}
		again := new(Message)
		if fault := again.Parse(out); fault != None {
			t.Fatalf("fault %q in what left:\n%q", fault, out)
		}
		if want := bytes.Join([][]byte{before, []byte(with), behind}, nil); !bytes.Equal(again.Body(), want) {
			t.Errorf("the body left as\n%q\nnot as\n%q", again.Body(), want)
		}
		if with == "" {
			return
		}
		again.ReplaceBody(Span{again.body.Off + int32(len(before)), again.body.Off + int32(len(before)+len(with))}, received[at.Off:at.End])
		m.Parse(raw)
		m.ReplaceBody(at, received[at.Off:at.End])
		if back, same := again.AppendTo(nil), m.AppendTo(nil); !bytes.Equal(back, same) {
			t.Errorf("put back it is\n%q\nnot\n%q", back, same)
		}
	})
}
