package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
)

// admin is the HTTP port for those who run the proxy.
//
//	/healthz  200 while the process lives
//	/readyz   200 once every leg is bound, 503 while it drains and from the moment it is told to leave
//	/metrics  for Prometheus
//	/log/level, /trace/ratio  GET and PUT: what is logged, which part of the calls is traced, from now on
//	/bindings GET, and DELETE /bindings/{aor}: who is registered
//	/bans     GET, POST, and DELETE /bans/{subject}: who is banned
//	/drain    GET, POST, DELETE: whether it takes anything new
//	/cluster  the nodes, as this one sees them; JSON
//	/status   what it is, what became of all packets, what was restarted; JSON
type admin struct {
	listener net.Listener
	server   *http.Server
	loop     *loop.Handle
}

func listenAdmin(s *System) (*admin, error) {
	if s.config.AdminListen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.config.AdminListen)
	if err != nil {
		return nil, fmt.Errorf("the admin port cannot listen on tcp:%s: %w", s.config.AdminListen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.isReady() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(s.status())
	})
	mux.Handle("GET /metrics", s.telemetry.Metrics())
	levers := s.telemetry.Levers()
	mux.Handle("GET /log/level", levers)
	mux.Handle("PUT /log/level", levers)
	mux.Handle("GET /trace/ratio", levers)
	mux.Handle("PUT /trace/ratio", levers)
	bindings, bans := bindingsHandler(s.chain.store), bansHandler(s.chain.bans, now)
	mux.Handle("GET /bindings", bindings)
	mux.Handle("DELETE /bindings/{aor}", bindings)
	mux.Handle("GET /bans", bans)
	mux.Handle("POST /bans", bans)
	mux.Handle("DELETE /bans/{subject...}", bans)
	drain := s.drainHandler()
	mux.Handle("GET /drain", drain)
	mux.Handle("POST /drain", drain)
	mux.Handle("DELETE /drain", drain)
	mux.Handle("GET /cluster", s.clusterHandler())
	a := &admin{listener: l, server: &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 14,
	}}
	a.loop = loop.Start("admin", func(<-chan struct{}) { _ = a.server.Serve(l) }, nil)
	return a, nil
}

func (a *admin) addr() netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	return a.listener.Addr().(*net.TCPAddr).AddrPort()
}

func (a *admin) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		a.server.Close()
	}
	a.loop.Stop()
}

// Status is what /status says.
type Status struct {
	Version  string            `json:"version"`
	Node     string            `json:"node"`
	Ready    bool              `json:"ready"`
	Draining bool              `json:"draining,omitempty"`
	Lanes    int               `json:"lanes"`
	Legs     []LegStatus       `json:"legs"`
	Written  uint64            `json:"written"` // messages sent
	Packets  []message.Count   `json:"packets"`
	Restarts map[string]uint64 `json:"restarts"`
	Media    *MediaStatus      `json:"media,omitempty"`
	Cluster  *ClusterStatus    `json:"cluster,omitempty"`
}

// LegStatus is one leg in Status.
type LegStatus struct {
	Name      string `json:"name"`
	Listen    string `json:"listen"`
	Advertise string `json:"advertise"`

	Connections *StreamStatus `json:"connections,omitempty"`
}

func (s *System) status() Status {
	st := Status{
		Version: Version(), Node: s.config.Node, Ready: s.isReady(), Draining: s.draining.Load(), Lanes: len(s.lanes),
		Written: s.written(), Packets: s.Counts(), Restarts: s.Restarts(), Media: s.media.status(), Cluster: s.clusterStatus(),
	}
	for i, l := range s.legs.All {
		st.Legs = append(st.Legs, LegStatus{
			Name: l.Name, Listen: l.Transport.Param() + ":" + l.Addr.String(), Advertise: l.HostPort, Connections: s.streamStatus(i),
		})
	}
	return st
}
