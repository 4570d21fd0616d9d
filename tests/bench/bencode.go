package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

var errBencode = errors.New("not bencode, or not whole")

// appendBencode writes v, which is an int, a string, a []string or a map[string]any of these, in the encoding that
// rtpengine's ng protocol uses: i1e, 3:abc, l…e, d…e with sorted keys.
func appendBencode(dst []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return fmt.Appendf(dst, "i%de", v)
	case string:
		return fmt.Appendf(dst, "%d:%s", len(v), v)
	case []string:
		dst = append(dst, 'l')
		for _, s := range v {
			dst = appendBencode(dst, s)
		}
		return append(dst, 'e')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, 'd')
		for _, k := range keys {
			dst = appendBencode(appendBencode(dst, k), v[k])
		}
		return append(dst, 'e')
	}
	panic(fmt.Sprintf("bencode has no %T", v))
}

const bencodeDepth = 32

// parseBencode reads one value, an int, string, []any or map[string]any, which must be all of b.
func parseBencode(b []byte) (any, error) {
	v, rest, err := cutBencode(b, bencodeDepth)
	if err == nil && len(rest) > 0 {
		return nil, errBencode
	}
	return v, err
}

// cutBencode reads the value that b begins with, in which others are nested at most depth deep.
func cutBencode(b []byte, depth int) (v any, rest []byte, err error) {
	if len(b) == 0 || depth == 0 {
		return nil, nil, errBencode
	}
	switch b[0] {
	case 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte{'e'})
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil {
			return nil, nil, errBencode
		}
		return n, rest, nil
	case 'l':
		list, rest, err := cutList(b[1:], depth-1)
		return list, rest, err
	case 'd':
		list, rest, err := cutList(b[1:], depth-1)
		if err != nil || len(list)%2 != 0 {
			return nil, nil, errBencode
		}
		d := make(map[string]any, len(list)/2)
		for i := 0; i < len(list); i += 2 {
			key, ok := list[i].(string)
			if !ok {
				return nil, nil, errBencode
			}
			d[key] = list[i+1]
		}
		return d, rest, nil
	}
	digits, rest, ok := bytes.Cut(b, []byte{':'})
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, nil, errBencode
	}
	return string(rest[:n]), rest[n:], nil
}

func cutList(b []byte, depth int) (list []any, rest []byte, err error) {
	for len(b) > 0 && b[0] != 'e' {
		var v any
		if v, b, err = cutBencode(b, depth); err != nil {
			return nil, nil, err
		}
		list = append(list, v)
	}
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	return list, b[1:], nil
}
