package system

import (
	"slices"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/contact"
	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/actors/mediasession"
	"github.com/actorsip/actorsip/actors/remote"
	"github.com/actorsip/actorsip/actors/router"
	"github.com/actorsip/actorsip/room"
)

// tree is the whole house. A room's parent says what happens when it fails; what must survive a crash is owned one
// level up.
//
//	actorsip            carryOn   one bad packet is one bad packet
//	├── media           endCall   a broken session ends its own call's media; other calls do not notice
//	│   └── <call>                ports and relays are the engine's, what is known of the call is in the book
//	├── remote                    only in a cluster: asks the nodes that own a call's media or a connection
//	├── lanes           carryOn
//	│   └── <n>         carryOn   a lane: its rooms run to completion on one goroutine
//	│       ├── contact           keys are the key ring's
//	│       ├── router            holds nothing
//	│       ├── <link>            of the receive chain: screens, authorities, registrar; what they know is the system's
//	│       └── legs    carryOn   its loop reads the sockets; a lane whose sockets die opens them again, after a pause
//	│           └── <leg>         sockets are the lane's
//	│               └── <peer>    carryOn   one connection of a leg: it is the endpoint's
//	├── keyring                   watches the key file, unless the keys are in etcd
//	└── certificates              watches the files of TLS
func (s *System) tree() node {
	return s.branch(root, slices.Concat(
		s.eachMedia(), s.eachRemote(),
		[]node{s.branch("lanes", s.eachLane()...)},
		s.eachKeeper(),
		[]node{s.room("certificates", newCertificates(s.config.Legs, s.certificates, s.log))},
	)...)
}

// eachKeeper watches the key file, unless the keys are the cluster's.
func (s *System) eachKeeper() []node {
	if s.shared.member != nil {
		return nil
	}
	return []node{s.room("keyring", newKeeper(s.ring, s.config.KeyFile, s.log))}
}

// eachMedia is the branch of the media sessions, when anything is relayed. All lanes tell it their packets: each that a lane
// has in hand finds a place there.
func (s *System) eachMedia() []node {
	if s.media == nil {
		return nil
	}
	make, endCall := mediasession.New(s.mediaConfig())
	capacity := s.config.Limits.Packets * (len(s.lanes) + 1) // and what the sessions tell
	return []node{s.watched("media", capacity, room.Props(make, capacity, endCall, s.chaos))}
}

// eachRemote is the room that asks other nodes, when there are any.
func (s *System) eachRemote() []node {
	if s.nodes == nil {
		return nil
	}
	capacity := s.config.Limits.Packets * (len(s.lanes) + 1)
	next := remote.Next{Self: s.remoteAt(), Anchor: s.mediaAt()}
	make := remote.New(s.remoteConfig(), next, s.actors.Root)
	return []node{s.watched("remote", capacity, room.Props(make, capacity, room.CarryOn(s.restarts), s.chaos))}
}

func (s *System) eachLane() (lanes []node) {
	for i, l := range s.lanes {
		contactCfg, routerCfg := s.contactConfig(), s.routerConfig()
		lanes = append(lanes, s.branch(strconv.Itoa(i), append(s.eachLink(i),
			s.room("contact", contact.New(contactCfg, contact.Next{
				Route: s.at(i, "router"), Anchor: s.anchorAt(), Send: s.legsAt(i),
			})),
			s.room("router", router.New(routerCfg, router.Next{
				Seal: s.at(i, "contact"), Anchor: s.anchorAt(), Send: s.legsAt(i), Later: l.Inbox, Sink: i,
			})),
			s.reading("legs", l, s.eachLeg(i, l)...),
		)...))
	}
	return lanes
}

func (s *System) eachLeg(lane int, l *leg.Lane) (legs []node) {
	next := leg.Next{Open: s.at(lane, "contact"), Route: s.at(lane, "router"), Write: s.remoteAt()}
	for _, facts := range s.legs.All {
		legs = append(legs, s.host(facts.Name, leg.New(s.legConfig(lane), next, facts, l)))
	}
	return legs
}

const root = "actorsip"

// at is the PID of a room of a lane. PIDs are the tree's paths: they are built from names, never kept in a registry.
func (s *System) at(lane int, room string) *actor.PID {
	return actor.NewPID(s.actors.Address(), root+"/lanes/"+strconv.Itoa(lane)+"/"+room)
}

// anchorAt is who has packets anchored: the media sessions here, or whoever knows on which node they are.
func (s *System) anchorAt() *actor.PID {
	if s.nodes != nil {
		return s.remoteAt()
	}
	return s.mediaAt()
}

func (s *System) remoteAt() *actor.PID { return actor.NewPID(s.actors.Address(), remote.Path) }

func (s *System) mediaAt() *actor.PID { return actor.NewPID(s.actors.Address(), root+"/media") }

func (s *System) legsAt(lane int) (pids []*actor.PID) {
	for _, l := range s.legs.All {
		pids = append(pids, s.at(lane, "legs/"+l.Name))
	}
	return pids
}
