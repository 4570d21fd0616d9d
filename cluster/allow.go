package cluster

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Allow is what other nodes may tell this one: by the full name of a protobuf message, the paths of the rooms that it may be told to. A
// path stands for itself and all that is below it.
type Allow map[string][]string

// rules is Allow as the door needs it. It never changes.
type rules map[string]rule

type rule struct {
	kind  protoreflect.MessageType
	paths []string
}

// errInternal keeps apart what the actor library tells itself.
var errInternal = errors.New("messages of the actor library are not for other nodes")

// rules finds the messages. They must be linked into the program.
func (a Allow) rules() (rules, error) {
	all := rules{}
	for name, paths := range a {
		for _, family := range []string{"actor.", "remote.", "cluster."} {
			if strings.HasPrefix(name, family) {
				return nil, fmt.Errorf("%s cannot be allowed: %w", name, errInternal)
			}
		}
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("%s cannot be allowed: no such message is known", name)
		}
		for _, p := range paths {
			if strings.Trim(p, "/") == "" {
				return nil, fmt.Errorf("%s cannot be allowed for all rooms: name the paths", name)
			}
		}
		all[name] = rule{kind: kind, paths: paths}
	}
	return all, nil
}

// may tells whether the message may be told to a path.
func (r rule) may(path string) bool {
	for _, p := range r.paths {
		if rest, below := strings.CutPrefix(path, strings.TrimRight(p, "/")); below && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}
