package torture

// row is one message and what the RFCs ask of a stateless proxy that receives it.
type row struct {
	file    string
	section string // of the RFC that the message is from
	want    demand
	why     string
}

// demand is the set of what a proxy may do. Nothing outside it is right.
type demand struct {
	forward bool
	start   string   // the start line of what is forwarded; empty: the received one
	routes  []string // the Route values of what is forwarded; nil: the received ones
	codes   []int    // what it may be answered with
	absent  []string // header values that an answer must name as unsupported
}

// forwarded: it leaves as it came, but for what a proxy owns.
func forwarded() demand { return demand{forward: true} }

// cleaned: it leaves with that start line, or it is answered with one of the codes. The RFC allows an element to be
// liberal, and forbids a proxy to hand the fault on.
func cleaned(start string, codes ...int) demand {
	return demand{forward: true, start: start, codes: codes}
}

// answered: one of these codes, and nothing else.
func answered(codes ...int) demand { return demand{codes: codes} }

// dropped: nothing at all.
func dropped() demand { return demand{} }

// or allows these answers too.
func (d demand) or(codes ...int) demand {
	d.codes = append(d.codes, codes...)
	return d
}
