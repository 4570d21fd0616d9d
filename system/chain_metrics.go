package system

import "github.com/actorsip/actorsip/telemetry"

// observeChain has metrics read what the receive chain counts.
func (s *System) observeChain() error {
	t, c := s.telemetry, &s.chain
	if c.store != nil {
		if err := t.Observe(s.putBindings, telemetry.Bindings, telemetry.BindingsKept, telemetry.BindingsWaiting); err != nil {
			return err
		}
	}
	if err := s.observeShared(); err != nil {
		return err
	}
	if c.bans != nil {
		if err := t.Observe(s.putBans, telemetry.Bans, telemetry.BansRefused); err != nil {
			return err
		}
	}
	for _, l := range c.links {
		if l.rules != nil {
			return t.Observe(s.putRules, telemetry.RulesHeld)
		}
	}
	return nil
}

func (s *System) putBindings(put telemetry.Put) {
	n := s.chain.stats()
	put(telemetry.Bindings, int64(n.Bindings))
	put(telemetry.BindingsWaiting, int64(n.Waiting))
	put(telemetry.BindingsKept, int64(n.Kept), "kept")
	put(telemetry.BindingsKept, int64(n.Failed), "failed")
	put(telemetry.BindingsKept, int64(n.Expired), "expired")
}

func (s *System) putBans(put telemetry.Put) {
	put(telemetry.Bans, int64(s.chain.bans.Len()))
	put(telemetry.BansRefused, int64(s.chain.bans.Refused()))
}

func (s *System) putRules(put telemetry.Put) {
	for _, l := range s.chain.links {
		if l.rules == nil {
			continue
		}
		for _, n := range l.rules.Counts() {
			put(telemetry.RulesHeld, int64(n.Held), n.Rule, "held")
			put(telemetry.RulesHeld, int64(n.Refused), n.Rule, "refused")
			put(telemetry.RulesHeld, int64(n.Banned), n.Rule, "banned")
		}
	}
}
