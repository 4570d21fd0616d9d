package tests

import (
	"net/netip"
	"sync"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// voice is one end of a call's sound in a swarm: it talks without pause, 50 packets a second, and remembers what it hears of the other.
// A quiet one says a packet a second.
type voice struct {
	sound *ua.Sound
	quiet bool

	mu     sync.Mutex
	at     netip.AddrPort // the relay's port
	said   int            // packets
	heard  map[uint16]int // how often each came, by sequence number
	latest int            // of them, since the beginning
}

// first is the sequence number that a voice begins with.
const first = 1000

// speak gives both ends of a call that has not begun a voice.
func (k *swarmCall) speak(quiet bool) {
	for i := range k.ends {
		e := &k.ends[i]
		s := ua.Hear(k.t, e.phone.Addr().Addr().String()+":0")
		s.Sequence = first
		e.voice, e.body = &voice{sound: s, quiet: quiet, heard: map[uint16]int{}}, s.Describe()
	}
}

// to has a voice talk to where a message wants it to.
func (v *voice) to(m ua.Message) {
	if v == nil || len(m.MediaAt()) != 1 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = m.MediaAt()[0]
	v.sound.To(v.at)
}

func (v *voice) say() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at.IsValid() {
		v.sound.Say("")
		v.said++
	}
}

func (v *voice) hear(stop <-chan struct{}) {
	for {
		b, _, came := v.sound.Next(50 * time.Millisecond)
		select {
		case <-stop:
			return
		default:
		}
		if came && len(b) >= 12 {
			v.mu.Lock()
			n := uint16(b[2])<<8 | uint16(b[3])
			v.heard[n]++
			v.latest = max(v.latest, int(n)-first)
			v.mu.Unlock()
		}
	}
}

// talk has the voices of calls talk until quiet is called.
func (c *swarm) talk(calls []*swarmCall) (quiet func()) {
	stop := make(chan struct{})
	var hearing sync.WaitGroup
	for _, k := range calls {
		for i := range k.ends {
			hearing.Go(func() { k.ends[i].voice.hear(stop) })
		}
	}
	silent := make(chan struct{})
	talking := sync.WaitGroup{}
	talking.Go(func() {
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for n := 0; ; n++ {
			select {
			case <-silent:
				return
			case <-pace.C:
			}
			for j, k := range calls {
				for i := range k.ends {
					if v := k.ends[i].voice; !v.quiet || (n+j)%50 == 0 {
						v.say()
					}
				}
			}
		}
	})
	quiet = sync.OnceFunc(func() {
		close(silent)
		talking.Wait()
		<-time.After(300 * time.Millisecond) // what is on its way comes
		close(stop)
		hearing.Wait()
	})
	c.t.Cleanup(quiet)
	return quiet
}

// lost is how many packets the ends have said, and how many of them the other did not hear.
func (k *swarmCall) lost() (lost, said int) {
	for i := range k.ends {
		said += k.ends[i].voice.said
		for n := range k.ends[i].voice.said {
			if k.ends[1-i].voice.heard[uint16(first+n)] == 0 {
				lost++
			}
		}
	}
	return lost, said
}

// newest is the last packet that a voice has heard, and how many it has said.
func (v *voice) newest() (heard, said int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.latest, v.said
}

// heardBoth waits until both ends of a call have heard what was said after now.
func (c *swarm) heardBoth(k *swarmCall) {
	a, b := k.ends[0].voice, k.ends[1].voice
	_, saidA := a.newest()
	_, saidB := b.newest()
	for deadline := time.Now().Add(5 * time.Second); ; <-time.After(10 * time.Millisecond) {
		byA, _ := a.newest()
		byB, _ := b.newest()
		if byA >= saidB && byB >= saidA {
			return
		}
		if time.Now().After(deadline) {
			c.fail("%s is not heard", k.id)
			return
		}
	}
}

// twice is how many packets a voice has heard more than once.
func (v *voice) twice() (n int) {
	for _, times := range v.heard {
		n += times - 1
	}
	return n
}
