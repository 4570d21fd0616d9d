package tests

import (
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// voice is one end of a call's sound in a crowd: it talks without pause, 50 packets a second, and remembers what it hears of the other.
type voice struct {
	sound *ua.Sound

	mu     sync.Mutex
	placed bool
	said   int            // packets
	heard  map[uint16]int // how often each came, by sequence number
	last   time.Time
}

// first is the sequence number that a voice begins with.
const first = 1000

// speak gives both ends of a call that has not begun a voice.
func (k *crowdCall) speak() *crowdCall {
	for i := range k.ends {
		e := &k.ends[i]
		s := ua.Hear(k.t, "127.0.0.1:0")
		s.Sequence = first
		e.voice, e.body = &voice{sound: s, heard: map[uint16]int{}}, s.Describe()
	}
	return k
}

// to has a voice talk to where a message wants it to.
func (v *voice) to(m ua.Message) {
	if v == nil || len(m.MediaAt()) != 1 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sound.To(m.MediaAt()[0])
	v.placed = true
}

func (v *voice) say() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.placed {
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
			v.heard[uint16(b[2])<<8|uint16(b[3])]++
			v.last = time.Now()
			v.mu.Unlock()
		}
	}
}

// talk has the voices of calls talk until quiet is called.
func (c *crowd) talk(calls []*crowdCall) (quiet func()) {
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
		for {
			select {
			case <-silent:
				return
			case <-pace.C:
			}
			for _, k := range calls {
				for i := range k.ends {
					k.ends[i].voice.say()
				}
			}
		}
	})
	return func() {
		close(silent)
		talking.Wait()
		<-time.After(300 * time.Millisecond) // what is on its way comes
		close(stop)
		hearing.Wait()
	}
}

// mark is how much the ends of a call have said so far.
func (k *crowdCall) mark() (said [2]int) {
	for i := range k.ends {
		v := k.ends[i].voice
		v.mu.Lock()
		said[i] = v.said
		v.mu.Unlock()
	}
	return said
}

// lost is how many packets the ends have said between two marks, and how many of them the other did not hear.
func (k *crowdCall) lost(from, to [2]int) (lost, said int) {
	for i := range k.ends {
		other := k.ends[1-i].voice
		other.mu.Lock()
		for n := from[i]; n < to[i]; n++ {
			if said++; other.heard[uint16(first+n)] == 0 {
				lost++
			}
		}
		other.mu.Unlock()
	}
	return lost, said
}

// heardBoth waits until both ends have heard something that was said after a mark.
func (k *crowdCall) heardBoth(t testing.TB, within time.Duration, after [2]int) {
	t.Helper()
	eventually(t, within, k.id+" is heard", func() bool {
		now := k.mark()
		for i := range k.ends {
			other := k.ends[1-i].voice
			other.mu.Lock()
			heard := false
			for n := after[i]; n < now[i] && !heard; n++ {
				heard = other.heard[uint16(first+n)] > 0
			}
			other.mu.Unlock()
			if !heard {
				return false
			}
		}
		return true
	})
}
