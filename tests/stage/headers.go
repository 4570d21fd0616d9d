package stage

import "strings"

// Headers are the values of a header in the text of a message, in their order. The name is as it stands there.
func Headers(text, name string) (values []string) {
	for line := range strings.SplitSeq(text, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			values = append(values, v)
		}
	}
	return values
}
