package ua

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Message is a SIP message as it stands on the wire, with a light view on it. Nothing is checked but that there is a
// start line and an end of the headers: what a test sends and receives may be wrong on purpose.
type Message struct {
	Raw    []byte         // all of it
	Source netip.AddrPort // where it came from; zero for one's own
	On     *Connection    // the connection that it came on; nil for a datagram and for one's own
	Start  string         // the start line, without its CRLF
	Fields []Field        // the header fields in their order
	Body   []byte         // all that follows the empty line
}

// Field is one header field.
type Field struct {
	Name  string // as written, without blanks around it
	Value string // without blanks around it; a fold is one space
	Raw   string // all of it as on the wire, folds included, without the last CRLF
}

var errNoHeaders = errors.New("there is no start line, or no empty line ends the headers")

// Parse views raw as a message. The message keeps raw. A line may end in a bare LF.
func Parse(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	from := 0 // of the field, in raw
	for at := 0; ; {
		n := bytes.IndexByte(raw[at:], '\n')
		if n < 0 {
			return Message{}, errNoHeaders
		}
		line := strings.TrimSuffix(string(raw[at:at+n]), "\r")
		end := at + len(line)
		switch last := len(m.Fields) - 1; {
		case at == 0:
			m.Start = line
		case line == "":
			m.Body = raw[at+n+1:]
			return m, nil
		case last >= 0 && (line[0] == ' ' || line[0] == '\t'):
			f := &m.Fields[last]
			f.Raw = string(raw[from:end])
			f.Value = strings.TrimSpace(f.Value + " " + strings.TrimSpace(line))
		default:
			from = at
			name, value, _ := strings.Cut(line, ":")
			m.Fields = append(m.Fields, Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value), Raw: line})
		}
		at += n + 1
	}
}

// String is the message as text, for a test's report.
func (m Message) String() string { return string(m.Raw) }

// Status is a response's code; 0 for a request.
func (m Message) Status() int {
	if !strings.HasPrefix(m.Start, "SIP/") {
		return 0
	}
	_, rest, _ := strings.Cut(m.Start, " ")
	code, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(code)
	return n
}

// Method is a request's method; of a response, the method that its CSeq answers.
func (m Message) Method() string {
	if m.Status() != 0 {
		_, method, _ := strings.Cut(m.First("CSeq"), " ")
		return strings.TrimSpace(method)
	}
	method, _, _ := strings.Cut(m.Start, " ")
	return method
}

// RequestURI is what stands between a request's method and its version, as written; empty for a response.
func (m Message) RequestURI() string {
	if m.Status() != 0 {
		return ""
	}
	_, rest, _ := strings.Cut(m.Start, " ")
	if i := strings.LastIndex(strings.TrimRight(rest, " "), " "); i >= 0 {
		return rest[:i]
	}
	return rest
}

// Header is the value of each field of that name, in their order; compact and long names are the same, and so are
// letters of either case. A comma list stays one value.
func (m Message) Header(name string) []string {
	var values []string
	for _, f := range m.Fields {
		if strings.EqualFold(LongName(f.Name), LongName(name)) {
			values = append(values, f.Value)
		}
	}
	return values
}

// First is the first value of that name, or empty.
func (m Message) First(name string) string {
	if values := m.Header(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// List is every element of the fields of that name: comma lists are taken apart.
func (m Message) List(name string) []string {
	var all []string
	for _, value := range m.Header(name) {
		all = append(all, splitOutside(value, ',')...)
	}
	return all
}

// Vias are the Via values, the newest first.
func (m Message) Vias() []string { return m.List("Via") }

// Routes are the Route values, the next first.
func (m Message) Routes() []string { return m.List("Route") }

// RecordRoutes are the Record-Route values, the newest first.
func (m Message) RecordRoutes() []string { return m.List("Record-Route") }

// Branch is the branch of the top Via, or empty.
func (m Message) Branch() string {
	if vias := m.Vias(); len(vias) > 0 {
		return Param(vias[0], "branch")
	}
	return ""
}

// CSeq is the sequence number; 0 when it is none.
func (m Message) CSeq() uint32 {
	number, _, _ := strings.Cut(m.First("CSeq"), " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// LongName is the long form of a header's compact name, as registered; every other name comes back as it is.
func LongName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch name[0] | 0x20 {
	case 'c':
		return "Content-Type"
	case 'e':
		return "Content-Encoding"
	case 'f':
		return "From"
	case 'i':
		return "Call-ID"
	case 'k':
		return "Supported"
	case 'l':
		return "Content-Length"
	case 'm':
		return "Contact"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 't':
		return "To"
	case 'u':
		return "Allow-Events"
	case 'v':
		return "Via"
	}
	return name
}
