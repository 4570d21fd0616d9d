package system

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// configMax is far beyond any configuration, and keeps a wrong file name from costing memory. Bytes.
const configMax = 1 << 20

// configProblemsMax keeps the list readable when the file is something else altogether.
const configProblemsMax = 100

// configReader reads a file to its end, whatever is wrong with it, and collects what is.
type configReader struct {
	places   map[string]configPlace // of each value, by path
	bad      map[string]bool        // paths whose values are reported already
	problems []configProblem
	later    []func(*Config) // what begins with values that stand elsewhere in the file
}

type configPlace struct{ line, column int }

type configProblem struct {
	configPlace
	path string
	text string
}

func (r *configReader) report(at configPlace, path, text string) {
	r.bad[path] = true
	r.problems = append(r.problems, configProblem{at, path, text})
}

// add reports what a check found. What the reader could not make out, be it the value itself or the mapping around
// it, is as good as absent: nothing more is said about it.
func (r *configReader) add(path, text string) {
	if r.lost(path) {
		return
	}
	at, known := configPlace{1, 1}, false
	for p := path; p != ""; p = configParent(p) {
		if place, ok := r.places[p]; ok && !known {
			at, known = place, true
		}
	}
	r.report(at, path, text)
}

// lost tells whether what stands at path, or around it, could not be made out.
func (r *configReader) lost(path string) bool {
	for ; path != ""; path = configParent(path) {
		if r.bad[path] {
			return true
		}
	}
	return r.bad[""]
}

// configParent is the path without its last key or index.
func configParent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func (r *configReader) err(name string) error {
	slices.SortStableFunc(r.problems, func(a, b configProblem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for i, p := range r.problems {
		if i == configProblemsMax {
			errs = append(errs, fmt.Errorf("%s: and %d more", name, len(r.problems)-i))
			break
		}
		path := p.path
		if path != "" {
			path += ": "
		}
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s%s", name, p.line, p.column, path, p.text))
	}
	return errors.Join(errs...)
}

// document is the one YAML document of src.
func (r *configReader) document(src []byte) (root *yaml.Node, ok bool) {
	if len(src) > configMax {
		r.report(configPlace{1, 1}, "", fmt.Sprintf("the file is longer than %d bytes; is it a configuration file?", configMax))
		return nil, false
	}
	if at := badCharacter(src); at >= 0 {
		r.report(placeOf(src, at), "", fmt.Sprintf("the byte 0x%02x is not text; the file is written in UTF-8", src[at]))
		return nil, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		r.report(configPlace{1, 1}, "", err.Error())
		return nil, false
	}
	var doc, second yaml.Node
	err = loader.Load(&doc)
	if err == nil {
		if err = loader.Load(&second); err == nil {
			r.report(configPlace{second.Line, second.Column}, "", "a second document begins; write one document a file")
			return nil, false
		}
	} else if err == io.EOF {
		r.report(configPlace{1, 1}, "", "the file is empty; it needs one leg at least: legs: [{name: NAME, listen: \"udp:ADDRESS:5060\"}]")
		return nil, false
	}
	if err != io.EOF {
		r.syntax(src, err)
		return nil, false
	}
	if len(doc.Content) != 1 {
		r.report(configPlace{1, 1}, "", "the file holds no document")
		return nil, false
	}
	return doc.Content[0], true
}

// syntax reports what the YAML library has to say, with the two traps that people fall into.
func (r *configReader) syntax(src []byte, err error) {
	at, text := configPlace{1, 1}, err.Error()
	var e *yaml.LoadError
	if errors.As(err, &e) {
		text = e.Message
		if e.ContextMsg != "" {
			text += " " + e.ContextMsg
		}
		if e.Mark.Line > 0 {
			at = configPlace{e.Mark.Line, max(e.Mark.Column, 1)}
		}
	}
	lines := bytes.Split(src, []byte("\n"))
	switch line := lines[min(at.line, len(lines))-1]; {
	case strings.Contains(text, "anchor") || strings.Contains(text, "alias"):
		text += `; write what begins with * or & in quotes, as "*.example.com"`
	case bytes.ContainsRune(line[:len(line)-len(bytes.TrimLeft(line, " \t"))], '\t'):
		text += "; indent with blanks, not with tabs"
	}
	r.report(at, "", "this is not YAML: "+text)
}

// badCharacter is the offset of the first byte that is neither UTF-8 nor a character of YAML; -1 when there is none.
func badCharacter(src []byte) int {
	for i := 0; i < len(src); {
		c, n := utf8.DecodeRune(src[i:])
		if c == utf8.RuneError && n == 1 || c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

func placeOf(src []byte, at int) configPlace {
	before := src[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return configPlace{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1}
}
