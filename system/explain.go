package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/actorsip/actorsip/actors/router"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
)

// Explain says step by step where a request to uri would go that came by the leg from, the first leg when that is
// empty. Nothing is bound or sent, but questions to name servers.
func Explain(ctx context.Context, cfg Config, from, uri, callID string) (steps []string, err error) {
	s := &System{config: cfg}
	var all []*message.Leg
	for _, l := range cfg.Legs {
		all = append(all, l.facts(l.Listen))
	}
	s.legs, s.streams = message.NewLegs(all), make([]*stream.Endpoint, len(all))
	ingress := all[0]
	if from != "" {
		if ingress = s.legs.Named(from); ingress == nil {
			return nil, fmt.Errorf("the configuration has no leg %q", from)
		}
	}
	if s.resolver, err = target.New(s.resolverConfig()); err != nil {
		return nil, err
	}
	defer s.resolver.Close()
	steps = append(steps, fmt.Sprintf("from:     leg %s (%s:%s)", ingress.Name, ingress.Transport.Param(), ingress.Addr))
	arrival := router.Arrival{Ingress: ingress}
	request := []byte(uri)
	switch keys, err := keyring.Read(cfg.KeyFile); {
	case errors.Is(err, fs.ErrNotExist):
		steps = append(steps, "token:    none can be opened: there is no key file yet")
	case err != nil:
		return steps, err
	default:
		s.ring = keyring.NewRing(keys)
		opened, home, ok := s.contactConfig().Opened(request, ingress)
		if ok {
			steps = append(steps, fmt.Sprintf("token:    opens to %s behind leg %s", opened, home.Name))
			request, arrival.Egress, arrival.Opened = opened, home, true
		} else {
			steps = append(steps, "token:    the request-URI is none of ours that was given out on this leg")
		}
	}
	return append(steps, s.routerConfig().Explain(ctx, request, arrival, callID)...), nil
}
