package message

// The verbs. A verb is told to a room; the packet goes with it, and with it the duty to pass it on or give it back.
//
//	requests   leg ─Open▶ contact ─Screen▶ screen ─Authorize▶ authority ─Locate▶ registrar ─Route▶ router ─Seal▶ contact ─Anchor▶ mediasession ─Send▶ leg
//	responses  leg ────────────────────────────────────────────────────────────────────────Route▶ router ─Seal▶ contact ─Anchor▶ mediasession ─Send▶ leg
//
// A verb with nothing to do for a packet is skipped: the sender passes to the room behind it. Screen, Authorize and Locate
// are the receive chain: each leg has its own, in the order of the configuration.
type (
	// Open is told to contact: the request-URI may be one of our tokens; put back what it stands for.
	Open struct{ *Packet }
	// Screen is told to a screen: rules of the configuration let the request by, block it, drop it or limit its rate.
	Screen struct{ *Packet }
	// Authorize is told to an authority: whoever sends the request must show that he knows a password (RFC 3261 §22).
	Authorize struct{ *Packet }
	// Locate is told to the registrar: a REGISTER for its domains is carried out; any other request to an address of record
	// of theirs gets the registered contact as its request-URI.
	Locate struct{ *Packet }
	// Route is told to the router: find the next hop and the egress leg of a request, the way back of a response.
	Route struct{ *Packet }
	// Seal is told to contact: Contact values that point behind us become tokens, our own tokens become what they
	// stand for.
	Seal struct{ *Packet }
	// Anchor is told to the media sessions: an offer or answer gets a relay between its ends, and the end of a call ends
	// it. They are shared by all lanes: a packet is handed to them, and comes back to its lane by Return.
	Anchor struct{ *Packet }
	// Write is told to remote: the packet, ready to be written, leaves by a connection or a pinhole that another node has.
	Write struct{ *Packet }
	// Send is told to the egress leg: Via, Record-Route, all edits at once, out of the socket. A packet that was
	// answered is told to its ingress leg.
	Send struct{ *Packet }
)

// Stage is where in its life a packet was: the verb that was told, or Receive for a datagram just read.
type Stage uint8

// The stages, in the order of a request's walk.
const (
	AtReceive Stage = iota
	AtOpen
	AtScreen
	AtAuthorize
	AtLocate
	AtRoute
	AtSeal
	AtAnchor
	AtSend
	numStages
)

// Stages is how many stages there are.
const Stages = int(numStages)

// String is the verb in lower case.
func (s Stage) String() string {
	return [...]string{"receive", "open", "screen", "authorize", "locate", "route", "seal", "anchor", "send"}[s]
}
