package cluster

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// card is what a node says of itself. It is a node's record in etcd, too.
type card struct {
	Cluster  string
	Node     string
	Life     string
	Address  string
	Roles    Roles
	Facts    []byte `json:",omitempty"`
	Place    string `json:",omitempty"`
	Holds    int64  `json:",omitempty"`
	Draining bool   `json:",omitempty"`
	Version  uint64 // counts the changes within a life
}

// beat is told to every other node a few times a second.
type beat struct {
	card
	Leaving bool     `json:",omitempty"` // the last one of this life
	Sees    []string // the lives on its side, its own with them
	Gone    []string `json:",omitempty"` // the lives that it has given up lately
	Former  []Former `json:",omitempty"` // the nodes that were members; not with etcd
}

// Where beats are told to, and what they are on the wire.
const (
	beatPath = "cluster"
	beatType = "google.protobuf.BytesValue"
	maxBeat  = 64 << 10 // bytes
	maxGone  = 32       // lives told in a beat
)

// letter is a beat as it is told.
func (b *beat) letter() (letter, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return letter{}, err
	}
	data, err := proto.Marshal(wrapperspb.Bytes(text))
	return letter{target: beatPath, kind: beatType, data: data}, err
}

// readBeat is the way back.
func readBeat(data []byte) (*beat, error) {
	var text wrapperspb.BytesValue
	if err := proto.Unmarshal(data, &text); err != nil {
		return nil, err
	}
	b := &beat{}
	return b, json.Unmarshal(text.Value, b)
}
