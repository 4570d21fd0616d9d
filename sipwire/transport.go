package sipwire

// Transport is a SIP transport as written in a Via or a transport parameter (RFC 3261 §7.1, RFC 7118).
type Transport uint8

// The transports that actorsip can name. NoTransport means that none was written.
const (
	NoTransport Transport = iota
	UDP
	TCP
	TLS
	WS
	WSS
	SCTP
)

var transportNames = [...]string{"", "UDP", "TCP", "TLS", "WS", "WSS", "SCTP"}

// String is the name as a Via carries it: upper case; empty for NoTransport.
func (t Transport) String() string { return transportNames[t] }

// Param is the name as a transport parameter carries it: lower case (RFC 3261 §19.1.1).
func (t Transport) Param() string {
	return [...]string{"", "udp", "tcp", "tls", "ws", "wss", "sctp"}[t]
}

// URIParam is the value of a URI's transport parameter for a leg of this transport: "ws" for WebSocket, secured or not (RFC 7118 §5.2).
func (t Transport) URIParam() string {
	if t == WSS {
		return WS.Param()
	}
	return t.Param()
}

// IsStream tells whether the transport carries messages over connections.
func (t Transport) IsStream() bool { return t >= TCP && t <= WSS }

// IsSecure tells whether its connections are those of TLS.
func (t Transport) IsSecure() bool { return t == TLS || t == WSS }

// IsWebSocket tells whether messages are framed by WebSocket.
func (t Transport) IsWebSocket() bool { return t == WS || t == WSS }

// DefaultPort is the port of a URI or Via that names none: 5061 for TLS, 80 and 443 for WebSocket, else 5060
// (RFC 3261 §18.2.2, §19.1.2, RFC 7118 §7).
func (t Transport) DefaultPort() uint16 {
	switch t {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 5060
}

// ParseTransport reads a transport name in any case. ok is false for a name that is none of ours.
func ParseTransport(b []byte) (t Transport, ok bool) {
	for i := 1; i < len(transportNames); i++ {
		if EqualFold(b, transportNames[i]) {
			return Transport(i), true
		}
	}
	return NoTransport, false
}
