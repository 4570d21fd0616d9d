package message

import "github.com/actorsip/actorsip/sipwire"

// Covers tells whether a host is in one of the domains of the configuration.
func Covers(domains []string, host []byte) bool {
	for _, d := range domains {
		if Fit(d, host) >= 0 {
			return true
		}
	}
	return false
}

// Fit says how well a domain of the configuration fits a host: -1 not at all, 0 for "*", more the longer a wildcard, most
// when it is the same.
func Fit(domain string, host []byte) int {
	switch {
	case domain == "*":
		return 0
	case domain[0] == '*': // "*.example.com" covers what is below example.com, at a dot
		if suffix := domain[1:]; len(host) > len(suffix) && sipwire.EqualFold(host[len(host)-len(suffix):], suffix) {
			return len(suffix)
		}
		return -1
	case sipwire.EqualFold(host, domain):
		return 1 << 16
	}
	return -1
}
