package rtpwire

import (
	"math"
	"time"
)

// Quality is what the network did to speech.
type Quality struct {
	Loss        float64       // share of packets that never came, 0 to 1
	Jitter      time.Duration // interarrival jitter
	OneWayDelay time.Duration // from mouth to ear, without the jitter buffer: half the round trip at least
	Codec       Codec
}

// MOS estimates what listeners say of a call on average: 1.0 bad to 4.5 excellent. It is the E-model (ITU-T G.107) with
// its default values, which give 4.41 where nothing is lost or late, a codec's impairment and loss by G.113, and a
// jitter buffer that delays by twice the jitter. Losses are taken as random. The scale is the one of narrowband: wideband
// speech sounds better than it says.
func MOS(q Quality) float64 {
	buffered := max(q.OneWayDelay, 0) + 2*max(q.Jitter, 0)
	r := bestRating - delayImpairment(float64(buffered)/float64(time.Millisecond)) - q.Codec.impairment(q.Loss)
	if r <= 0 {
		return 1
	}
	// ITU-T G.107 Annex B; the cubic dips below 1 before it gets to 0.
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r))
}

// What the default values of ITU-T G.107 §7.7 come to.
const (
	noise        = -61.179                       // No, dBm0p: of circuit, rooms and set together
	signalNoise  = 15 - 1.5*(sendLoudness+noise) // Ro, the rating if nothing but noise were there
	simultaneous = 1.414                         // Is: loudness, sidetone and quantizing
	bestRating   = signalNoise - simultaneous    // the rating before any delay; R is 93.2 with that of a delay of 0

	sendLoudness    = 8   // SLR, dB
	receiveLoudness = 2   // RLR, dB
	talkerEcho      = 65  // TELR, dB
	listenerEcho    = 110 // WEPL, dB
)

// delayImpairment is Id of ITU-T G.107 §7.4 for a delay in ms, the same both ways: what talker echo, listener echo and
// the delay itself take away. It never rewards a delay, as the formula does below a few ms, by 0.1 at most.
func delayImpairment(delay float64) float64 {
	heard := talkerEcho - 40*math.Log10((1+delay/10)/(1+delay/150)) + 6*math.Exp(-0.3*delay*delay) // TERV
	talker := max(0, half(-1.5*(noise-receiveLoudness), 80+2.5*(heard-14), 100, 1)*(1-math.Exp(-delay)))
	listener := half(signalNoise, 10.5*(listenerEcho+7)*math.Pow(1+2*delay, -0.25), 169, 0)
	if delay <= 100 {
		return talker + listener
	}
	x := math.Log2(delay / 100)
	sixth := func(x float64) float64 { return math.Pow(1+math.Pow(x, 6), 1.0/6) }
	return talker + listener + 25*(sixth(x)-3*sixth(x/3)+2)
}

// half is the shape that both echoes of ITU-T G.107 have: near 0 while the echo's rating is well above the other one.
func half(rating, echo, bend, less float64) float64 {
	a := (rating - echo) / 2
	return a + math.Sqrt(a*a+bend) - less
}
