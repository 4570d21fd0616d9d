package system

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// configValue is one value of the file, and where it stands.
type configValue struct {
	r    *configReader
	node *yaml.Node
	path string // as legs[1].listen; empty for the whole file
}

// configKey is a key of a mapping and what reads its value.
type configKey struct {
	name string
	read func(configValue)
}

func (v configValue) place() configPlace {
	return configPlace{max(v.node.Line, 1), max(v.node.Column, 1)}
}

func (v configValue) refuse(format string, args ...any) {
	v.r.report(v.place(), v.path, fmt.Sprintf(format, args...))
}

// at is a value inside v.
func (v configValue) at(path string, n *yaml.Node) configValue {
	inside := configValue{v.r, n, path}
	v.r.places[path] = inside.place()
	return inside
}

func (v configValue) join(key string) string { return pathOf(v.path, key) }

// pathOf is the path of a key in the mapping at path. A key of more than one word, or line, stands in quotes.
func pathOf(path, key string) string {
	if len(key) > 80 || strings.ContainsFunc(key, func(r rune) bool { return r == ' ' || !unicode.IsGraphic(r) }) {
		key = quoted(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// is tells whether v is of that kind. A key without a value is an empty list or mapping, so that all of its lines may
// be commented out; but it is no text.
func (v configValue) is(kind yaml.Kind, write string) bool {
	switch {
	case v.node.Kind == kind && !v.blank():
		return true
	case v.node.Kind == yaml.AliasNode:
		v.refuse("*%s is a YAML alias, which this file does not use; write the value itself, in quotes if it begins with *", v.node.Value)
	case v.blank() && kind != yaml.ScalarNode:
	case v.blank():
		v.refuse("a value is missing; %s, or leave the key out", write)
	default:
		v.refuse("%s stands here; %s", configKind(v.node), write)
	}
	return false
}

func (v configValue) blank() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null"
}

func configKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping (key: value)"
	case yaml.SequenceNode:
		return "a list"
	}
	return quoted(n.Value)
}

// pairs calls each for the keys of a mapping, and reports those that stand there twice.
func (v configValue) pairs(write string, each func(key string, at configPlace, value *yaml.Node)) {
	if !v.is(yaml.MappingNode, write) {
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k := configValue{v.r, v.node.Content[i], v.join("?")}
		if !k.is(yaml.ScalarNode, "write a word for a key") {
			continue
		}
		key := k.node.Value
		k.path = v.join(key)
		if line, twice := first[key]; twice {
			k.refuse("the key %s stands here twice, first in line %d", quoted(key), line)
			continue
		}
		first[key] = k.node.Line
		each(key, k.place(), v.node.Content[i+1])
	}
}

// keys reads a mapping whose keys are known.
func (v configValue) keys(known ...configKey) {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.name
	}
	v.pairs("write keys with values: "+strings.Join(names, ", "), func(key string, at configPlace, n *yaml.Node) {
		for _, k := range known {
			if k.name == key {
				k.read(v.at(v.join(key), n))
				return
			}
		}
		if near := nearest(key, names); near != "" {
			v.r.report(at, v.join(key), fmt.Sprintf("unknown key %s; did you mean %s?", quoted(key), near))
			v.r.bad[v.join(near)] = true // so that it is not called missing as well
			return
		}
		v.r.report(at, v.join(key), fmt.Sprintf("unknown key %s; known here: %s", quoted(key), strings.Join(names, ", ")))
	})
}

// list calls each for the values of a list.
func (v configValue) list(write string, each func(i int, v configValue)) {
	if !v.is(yaml.SequenceNode, write) {
		return
	}
	for i, n := range v.node.Content {
		each(i, v.at(fmt.Sprintf("%s[%d]", v.path, i), n))
	}
}

// scalar reads a text with parse. What cannot be read is reported and left as it was.
func scalar[T any](dst *T, write string, parse func(string) (T, error)) func(configValue) {
	return func(v configValue) {
		if !v.is(yaml.ScalarNode, "write "+write) {
			return
		}
		if strings.TrimSpace(v.node.Value) == "" {
			v.refuse("a value is missing; write %s, or leave the key out", write)
			return
		}
		value, err := parse(v.node.Value)
		if err != nil {
			v.refuse("%v", err)
			return
		}
		*dst = value
	}
}

// scalars reads a list of texts. A value that cannot be read keeps its place in the list, so that those behind it keep
// their paths.
func scalars[T any](dst *[]T, write string, parse func(string) (T, error)) func(configValue) {
	return func(v configValue) {
		v.list(fmt.Sprintf("write a list, as [%s]", write), func(_ int, v configValue) {
			var value T
			scalar(&value, write, parse)(v)
			*dst = append(*dst, value)
		})
	}
}

// quoted is a value as an error tells it: in quotes, and cut when it is long.
func quoted(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// nearest is the name that key was probably meant to be: at most a third of its letters differ. Empty when there is
// none.
func nearest(key string, names []string) string {
	best, near := 1+max(len(key)/3, 1), ""
	if len(key) > 40 {
		return ""
	}
	for _, name := range names {
		if d := distance(strings.ToLower(key), name); d < best {
			best, near = d, name
		}
	}
	return near
}

// distance is how many letters must be put in, taken out or replaced to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
