package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Answer is the status of a request that is refused.
type Answer struct {
	Code   int
	Phrase string
}

var (
	errCode      = errors.New("a request is refused with a status of 400 to 699")
	errChallenge = errors.New("401 and 407 ask for credentials, which a block does not; write 403")
	errPhrase    = errors.New("the phrase is up to 100 characters without a line break")
)

// phrases are those of RFC 3261 §21.4 to §21.6 and of what came later, as far as somebody refuses with them.
var phrases = map[int]string{
	400: "Bad Request", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
	408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme",
	420: "Bad Extension", 423: "Interval Too Brief", 429: "Provide Referrer Identity", 433: "Anonymity Disallowed", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
	513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
}

// ParseAnswer reads a status code, and the phrase behind it if there is one: "403", "403 Not from here".
func ParseAnswer(s string) (Answer, error) {
	code, phrase, _ := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.Atoi(code)
	if err != nil {
		return Answer{}, fmt.Errorf(`%q is no status; write 403, or "403 Not from here"`, s)
	}
	a := Answer{n, strings.TrimSpace(phrase)}
	if a.Phrase == "" {
		a.Phrase = phrases[n]
	}
	if a.Phrase == "" {
		a.Phrase = "Refused"
	}
	if err := a.validate(); err != nil {
		return Answer{}, fmt.Errorf("%q cannot be answered: %w", s, err)
	}
	return a, nil
}

func (a Answer) validate() error {
	switch {
	case a.Code < 400 || a.Code > 699:
		return errCode
	case a.Code == 401 || a.Code == 407:
		return errChallenge
	case len(a.Phrase) > 100 || strings.ContainsFunc(a.Phrase, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		return errPhrase
	}
	return nil
}

// methods are those that RFCs have, for an Allow header.
var methods = [...]string{
	"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER",
}

// allow is the Allow header that a 405 must have (RFC 3261 §21.4.6): the methods that this rule does not refuse. A rule
// without methods refuses all.
func allow(refused []string) string {
	if len(refused) == 0 {
		return "Allow:\r\n"
	}
	var left []string
	for _, m := range methods {
		if !oneOf([]byte(m), refused) {
			left = append(left, m)
		}
	}
	return "Allow: " + strings.Join(left, ", ") + "\r\n"
}

func oneOf(method []byte, methods []string) bool {
	for _, m := range methods {
		if string(method) == m {
			return true
		}
	}
	return false
}
