package registrar

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/location"
)

const crowd = 100_000

// crowded is a registrar with 100 000 phones.
func crowded(b *testing.B) *house {
	b.Helper()
	store := open(b, location.Config{File: location.Off, MaxBindings: crowd})
	var all sync.WaitGroup
	now := time.Now()
	for n := range crowd {
		one := []location.Binding{{Contact: fmt.Sprintf("sip:user%05d@192.0.2.7:5070", n), Q: most, Leg: "udp", CallID: "c", CSeq: 1, Expires: now.Add(time.Hour)}}
		change := func([]location.Binding) ([]location.Binding, error) { return one, nil }
		all.Add(1)
		for store.Update(fmt.Sprintf("sip:user%05d@example.com", n), now, change, func(error) { all.Done() }) != nil {
			runtime.Gosched()
		}
	}
	all.Wait()
	return build(b, func(c *Config) { c.Store = store })
}

// BenchmarkLocate is what the registrar adds to a request: asked whether it is concerned, and asked where the callee is, who is
// another one each time. The parsing, without which one request cannot be told from the one before, is measured for itself.
func BenchmarkLocate(b *testing.B) {
	h := crowded(b)
	p := h.packet(came{}, request("INVITE", "sip:user00000@example.com"))
	user := p.In[len("INVITE sip:user"):][:5]
	parse := func(i int) {
		for n, k := i*7919%crowd, len(user)-1; k >= 0; n, k = n/10, k-1 {
			user[k] = '0' + byte(n%10)
		}
		p.Parse(p.In)
		p.CurrentTarget()
	}
	b.Run("parsing alone", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			parse(i)
		}
	})
	b.Run("found", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			parse(i)
			if p.Placed = false; !h.Concerns(p) {
				b.Fatal("it is not concerned")
			}
			if h.locate(p); !p.Placed {
				b.Fatalf("%s is not there", p.RequestURI())
			}
		}
	})
	other := h.packet(came{}, request("INVITE", "sip:bob@example.net"))
	b.Run("not concerned", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if h.Concerns(other) {
				b.Fatal("it is concerned")
			}
		}
	})
}

// BenchmarkRegister is a refresh, parsing included, the store left out.
func BenchmarkRegister(b *testing.B) {
	h := build(b, func(c *Config) { c.Store = memory{} })
	text := register("1", contact(desk, ";expires=300"), "User-Agent: Phone 1.0")
	b.ReportAllocs()
	for b.Loop() {
		p := h.packet(came{}, text)
		h.located(p)
		p.Free()
	}
}
