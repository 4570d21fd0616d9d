package system

import (
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/telemetry"
)

// Who looks at the metrics sees that etcd is away, and what is owed to it.
func TestAnEtcdThatIsAwayIsSeenInTheMetrics(t *testing.T) {
	client, err := etcd.Open(etcd.Config{Endpoints: []string{"http://127.0.0.1:1"}, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	store, err := location.OpenShared(location.SharedConfig{Config: location.Config{File: location.Off}, Etcd: client, AcceptWhenAway: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	told := make(chan error, 1)
	err = store.Update("sip:alice@example.com", now, func([]location.Binding) ([]location.Binding, error) {
		return []location.Binding{{Contact: "sip:alice@10.0.0.1", Expires: now.Add(time.Hour), Updated: now}}, nil
	}, func(err error) { told <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	s := &System{shared: shared{etcd: client}, chain: chain{stats: store.Stats}}
	seen := map[string]int64{}
	put := func(m telemetry.Metric, n int64, _ ...string) { seen[m.Name] = n }
	s.putEtcd(put)
	s.putShared(put)
	want := map[string]int64{
		telemetry.EtcdAway.Name: 1, telemetry.BindingsOwed.Name: 1,
		telemetry.BindingsConflict.Name: 0, telemetry.BindingsDamaged.Name: 0,
	}
	for name, n := range want {
		if got, is := seen[name]; !is || got != n {
			t.Errorf("%s is %d, want %d", name, got, n)
		}
	}
}
