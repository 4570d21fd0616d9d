package message

// Verdict is an Outcome as another node can be told it: the rooms that it names are those of the node that asked.
type Verdict struct {
	Passed bool // else it is answered, or dropped when Status is 0
	Reason Reason
	Status int
	Phrase string
}

// Verdict is what an outcome says.
func (o Outcome) Verdict() Verdict {
	v := Verdict{Passed: o.kind == passed || o.kind == sent, Reason: o.reason, Phrase: o.phrase}
	if o.kind == answered {
		if v.Status = o.status; v.Status == 0 {
			v.Status = o.reason.Status()
		}
	}
	return v
}

// Outcome is a verdict that came from another node, for a packet that goes on by pass. A reason that this version does not know
// counts as a refusal.
func (v Verdict) Outcome(pass Outcome) Outcome {
	if v.Reason >= numReasons {
		v.Reason = Overloaded
	}
	switch {
	case v.Passed:
		return pass
	case v.Status != 0:
		return Refuse(v.Reason, v.Status, v.Phrase)
	}
	return Drop(v.Reason)
}
