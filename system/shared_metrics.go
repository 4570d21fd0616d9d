package system

import "github.com/actorsip/actorsip/telemetry"

// observeShared has metrics read what there is to say of the etcd that the nodes share.
func (s *System) observeShared() error {
	if s.shared.etcd == nil {
		return nil
	}
	if err := s.telemetry.Observe(s.putEtcd, telemetry.EtcdAway); err != nil || s.chain.store == nil {
		return err
	}
	return s.telemetry.Observe(s.putShared, telemetry.BindingsOwed, telemetry.BindingsConflict, telemetry.BindingsDamaged)
}

func (s *System) putEtcd(put telemetry.Put) {
	away := int64(0)
	if s.shared.etcd.Away() != nil {
		away = 1
	}
	put(telemetry.EtcdAway, away)
}

func (s *System) putShared(put telemetry.Put) {
	n := s.chain.stats()
	put(telemetry.BindingsOwed, int64(n.Owed))
	put(telemetry.BindingsConflict, int64(n.Conflicts))
	put(telemetry.BindingsDamaged, int64(n.Damaged))
}
