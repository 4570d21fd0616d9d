package system

import (
	"log/slog"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/location"
)

// shared is what the nodes of a cluster share by etcd.
type shared struct {
	etcd     *etcd.Client     // nil: nothing is shared
	member   *keyring.Member  // nil: the keys are a file's
	bindings *location.Shared // nil: nobody registers, or they are this node's own
}

// openEtcd opens what the nodes share, when there is an etcd.
func (s *System) openEtcd() (err error) {
	if s.config.shares() {
		s.shared.etcd, err = s.config.openEtcd(s.log)
	}
	return err
}

// openEtcd is a client of the cluster's etcd, which tells log when it goes and comes; nil: nobody.
func (c Config) openEtcd(log *slog.Logger) (*etcd.Client, error) {
	e := c.Cluster.Etcd
	cfg := etcd.Config{Prefix: "/actorsip/" + c.Cluster.Name + "/", TLS: etcd.TLS{CA: e.CA, Cert: e.Cert, Key: e.Key}, User: e.User, Password: e.Password, Log: log}
	scheme := "http://"
	if e.CA != "" {
		scheme = "https://"
	}
	for _, endpoint := range e.Endpoints {
		cfg.Endpoints = append(cfg.Endpoints, scheme+endpoint)
	}
	return etcd.Open(cfg)
}

// openKeys reads the keys: those of the cluster, or those of the key file, which is made when it is not there.
func (s *System) openKeys() error {
	if s.shared.etcd == nil || s.config.Cluster.Secret == "" {
		keys, made, err := keyring.Open(s.config.KeyFile)
		if err != nil {
			return err
		}
		if made {
			s.log.Info("a key file was made: keep it, and give every node of a cluster the same", "keys", s.config.KeyFile)
		}
		s.ring = keyring.NewRing(keys)
		return nil
	}
	vault, err := keyring.OpenVault(s.shared.etcd, s.config.Cluster.Secret)
	if err != nil {
		return err
	}
	s.shared.member, err = keyring.Join(keyring.MemberConfig{
		Vault: vault, Node: s.config.Node, File: s.config.KeyFile, Log: s.log, Failed: s.failed("keys"),
	})
	if err == nil {
		s.ring = s.shared.member.Ring
	}
	return err
}

// openBindings opens the bindings: those of the cluster, or this node's own.
func (s *System) openBindings() (location.Store, func() location.Stats, error) {
	cfg := s.config.Registrar.store()
	cfg.Log, cfg.Failed = s.log, s.failed("bindings")
	if s.shared.etcd == nil {
		local, err := location.Open(cfg)
		if err != nil {
			return nil, nil, err
		}
		return local, local.Stats, nil
	}
	all, err := location.OpenShared(location.SharedConfig{
		Config: cfg, Etcd: s.shared.etcd, AcceptWhenAway: s.config.Cluster.WhenAway == AcceptWhenAway,
	})
	if err != nil {
		return nil, nil, err
	}
	s.shared.bindings = all
	return all, all.Stats, nil
}

// knows tells whether this node has read what the nodes share; while etcd is away it has what it has.
func (s *shared) knows() bool {
	if s.bindings == nil {
		return true
	}
	select {
	case <-s.bindings.Synced():
		return true
	default:
		return s.etcd.Away() != nil
	}
}

// closeShared is the end of what the nodes share. Who uses it has ended before.
func (s *System) closeShared() {
	if s.shared.member != nil {
		s.shared.member.Close()
	}
	if s.shared.etcd != nil {
		s.shared.etcd.Close()
	}
}

// Vault is where a cluster's keys are, when they are in etcd; nil when they are a file's. end is called when it is done with.
func (c Config) Vault() (v *keyring.Vault, end func(), err error) {
	if !c.shares() || c.Cluster.Secret == "" {
		return nil, func() {}, nil
	}
	client, err := c.openEtcd(nil)
	if err != nil {
		return nil, nil, err
	}
	if v, err = keyring.OpenVault(client, c.Cluster.Secret); err != nil {
		client.Close()
		return nil, nil, err
	}
	return v, client.Close, nil
}
