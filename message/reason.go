package message

import "github.com/actorsip/actorsip/sipwire"

// Reason is why a packet was answered or dropped. The set is small and fixed: it is counted by reason. The faults of
// sipwire come first, under their own numbers.
type Reason uint8

// The reasons that are no faults of the message itself.
const (
	TooManyHops       Reason = Reason(sipwire.Faults) + iota // 483
	Looped                                                   // 482
	Unsupported                                              // 420
	UnknownUser                                              // 404
	NotFound                                                 // 480
	NoLeg                                                    // 480
	Unavailable                                              // 503
	TooManyWaiting                                           // 503
	Overloaded                                               // 503
	Unreachable                                              // 503
	TooLarge                                                 // 513
	NoPorts                                                  // 503
	TooManySessions                                          // 503
	TooManyStreams                                           // 488
	BadDescription                                           // 488
	FlowFailed                                               // 430
	Alive                                                    // 200: OPTIONS to the proxy itself
	Blocked                                                  // 403, or what the rule says
	Limited                                                  // 503, or what the rule says
	Banned                                                   // drop
	Screened                                                 // drop
	TooShort                                                 // drop
	Unauthorized                                             // 401
	ProxyUnauthorized                                        // 407
	WrongCredentials                                         // 400
	Forbidden                                                // 403
	UsersUnavailable                                         // 503
	Registered                                               // 200
	Redirected                                               // 302
	BadRegister                                              // 400
	TooBrief                                                 // 423
	OutOfOrder                                               // 500
	TooManyBindings                                          // 403
	StoreFailed                                              // 503
	AlienResponse                                            // drop
	NoWayBack                                                // drop
	Acknowledged                                             // drop: the ACK to an answer of ours
	KeepAlive                                                // drop
	Panicked                                                 // drop
	SendFailed                                               // drop
	numReasons
)

var reasons = [numReasons]struct {
	status int
	phrase string
	text   string
}{
	TooManyHops:       {483, "Too Many Hops", "Max-Forwards is used up"},
	Looped:            {482, "Loop Detected", "the request has been here before"},
	Unsupported:       {420, "Bad Extension", "Proxy-Require names an extension"},
	UnknownUser:       {404, "Not Found", "no such user here"},
	NotFound:          {480, "Temporarily Unavailable", "the next hop's name does not exist"},
	NoLeg:             {480, "Temporarily Unavailable", "no leg reaches the next hop"},
	Unavailable:       {503, "Service Unavailable", "the name servers do not answer"},
	TooManyWaiting:    {503, "Service Unavailable", "too many packets wait for a name, a connection or the disk"},
	Overloaded:        {503, "Service Unavailable", "more requests than this lane can carry"},
	Unreachable:       {503, "Service Unavailable", "the next hop cannot be reached"},
	TooLarge:          {513, "Message Too Large", "too large for a datagram"},
	NoPorts:           {503, "Service Unavailable", "no media port is free"},
	TooManySessions:   {503, "Service Unavailable", "media.max_sessions calls are relayed already"},
	TooManyStreams:    {488, "Not Acceptable Here", "the call has more media streams than media.max_streams_per_session"},
	BadDescription:    {488, "Not Acceptable Here", "the session description cannot be relayed"},
	FlowFailed:        {430, "Flow Failed", "the connection to the next hop is gone, and nobody else leads there"},
	Alive:             {200, "OK", "OPTIONS to the proxy itself"},
	Blocked:           {403, "Forbidden", "a rule of the chain blocks it"},
	Limited:           {503, "Service Unavailable", "more than a rule of the chain allows"},
	Banned:            {0, "", "its sender is banned"},
	TooShort:          {0, "", "its answer would be longer than what came from there: the retransmission is answered"},
	Screened:          {0, "", "a rule of the chain drops it"},
	Unauthorized:      {401, "Unauthorized", "a password is asked for"},
	ProxyUnauthorized: {407, "Proxy Authentication Required", "a password is asked for, by the proxy"},
	WrongCredentials:  {400, "Bad Credentials", "its credentials cannot be read, or are for another request"},
	Forbidden:         {403, "Forbidden", "whoever was authorized may not do that"},
	UsersUnavailable:  {503, "Service Unavailable", "who knows the users gives no answer"},
	Registered:        {200, "OK", "a registration"},
	Redirected:        {302, "Moved Temporarily", "the caller is told where the callee is registered"},
	BadRegister:       {400, "Bad Registration", "a REGISTER that cannot be carried out"},
	TooBrief:          {423, "Interval Too Brief", "a registration for less than min_expires"},
	OutOfOrder:        {500, "Registration Out Of Order", "a REGISTER older than one that was carried out"},
	TooManyBindings:   {403, "Too Many Bindings", "the address of record has as many bindings as it may"},
	StoreFailed:       {503, "Service Unavailable", "the registration cannot be kept"},
	AlienResponse:     {0, "", "the response's topmost Via is not ours"},
	NoWayBack:         {0, "", "the response has no Via to go back by"},
	Acknowledged:      {0, "", "ACK to an answer of ours"},
	KeepAlive:         {0, "", "keep-alive"},
	Panicked:          {0, "", "a room panicked on it, or had no place for it"},
	SendFailed:        {0, "", "the socket did not take it"},
}

// Reasons is how many reasons there are.
const Reasons = int(numReasons)

// Status is the status code of the answer with this reason, 0 when it is a reason to drop.
func (r Reason) Status() int {
	if int(r) < sipwire.Faults {
		return sipwire.Fault(r).Status()
	}
	return reasons[r].status
}

// Phrase is the reason phrase of the answer.
func (r Reason) Phrase() string {
	if int(r) < sipwire.Faults {
		return sipwire.Fault(r).String()
	}
	return reasons[r].phrase
}

// String is a sentence for logs and counters.
func (r Reason) String() string {
	if int(r) < sipwire.Faults {
		return sipwire.Fault(r).String()
	}
	return reasons[r].text
}
