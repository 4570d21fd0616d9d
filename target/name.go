package target

import "strings"

// The limits of RFC 1035 §2.3.4, as text without the trailing dot.
const (
	maxLabel = 63
	maxName  = 253
)

// validName tells whether a resolver need be asked about name: labels of letters, digits, "-" and "_". A name that
// fails here cannot exist, or would only be noise in somebody's resolver.
func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	label := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			if label++; label > maxLabel {
				return false
			}
		default:
			return false
		}
	}
	return label > 0
}

// unrooted drops one trailing dot.
func unrooted(name string) string { return strings.TrimSuffix(name, ".") }

// canonical is the form in which we keep names: lower case, without the trailing dot.
func canonical(name string) string { return strings.ToLower(unrooted(name)) }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// sameName compares a canonical name with one in any case.
func sameName(kept, asked string) bool {
	if len(kept) != len(asked) {
		return false
	}
	for i := 0; i < len(kept); i++ {
		if kept[i] != lower(asked[i]) {
			return false
		}
	}
	return true
}
