package rtpwire

import (
	"math"
	"testing"
	"time"
)

const g729 = 18

func TestMOSOfKnownCalls(t *testing.T) {
	delayed := func(d int) Quality { return Quality{OneWayDelay: time.Duration(d) * time.Millisecond} }
	for _, c := range []struct {
		name string
		in   Quality
		want float64
	}{
		{"R 93.2", Quality{}, 4.41},
		{"G.729: R 82.2", Quality{Codec: StaticCodec(g729)}, 4.11},
		{"G.723.1: R 78.2", Quality{Codec: StaticCodec(4)}, 3.95},
		{"GSM: R 73.2", Quality{Codec: StaticCodec(3)}, 3.74},
		// 95 × 1 / (1 + 25.1) = 3.64, R 89.57
		{"1 % lost", Quality{Loss: 0.01}, 4.33},
		// 95 × 5 / (5 + 25.1) = 15.78, R 77.42
		{"5 % lost", Quality{Loss: 0.05}, 3.92},
		// 95 × 5 / (5 + 4.3) = 51.1, R 42.1
		{"5 % lost, nothing concealed", Quality{Loss: 0.05, Codec: Codec{Bpl: 4.3}}, 2.17},
		// 11 + 84 × 5 / (5 + 19) = 28.5, R 64.7
		{"5 % lost of G.729", Quality{Loss: 0.05, Codec: StaticCodec(g729)}, 3.34},
		{"150 ms", delayed(150), 4.33},
		{"300 ms", delayed(300), 3.72},
		{"all lost: R 17.3", Quality{Loss: 1}, 1.18},
		{"all lost and late", Quality{Loss: 1, OneWayDelay: time.Second}, 1},
		{"a codec that leaves nothing", Quality{Codec: Codec{Ie: 95}}, 1},
		{"more lost than sent", Quality{Loss: 7}, 1.18},
		{"less than nothing lost", Quality{Loss: -1}, 4.41},
		{"nothing expected", Quality{Loss: math.NaN()}, 4.41},
		{"less than no delay", Quality{OneWayDelay: -time.Second, Jitter: -time.Second}, 4.41},
		{"an hour", delayed(3_600_000), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := MOS(c.in); !(math.Abs(got-c.want) <= 0.01) { // not a number is wrong too
				t.Errorf("%.3f, not %.2f", got, c.want)
			}
		})
	}
}

// Simplified forms of the delay impairment are widely used below 300 ms: R. G. Cole and J. H. Rosenbluth, "Voice over IP
// performance monitoring", 2001.
func TestDelayImpairmentIsNearItsSimplerForm(t *testing.T) {
	for d := 0.0; d <= 300; d++ {
		want := 0.024 * d
		if d > 177.3 {
			want += 0.11 * (d - 177.3)
		}
		if got := delayImpairment(d) - delayImpairment(0); math.Abs(got-want) > 1.5 {
			t.Errorf("%v ms: %.2f, not %.2f", d, got, want)
		}
	}
}

// The sums of ITU-T G.107 §7.2 and §7.3 over its default values.
func TestConstantsAreTheDefaultsOfTheModel(t *testing.T) {
	power := func(db float64) float64 { return math.Pow(10, db/10) }
	const ds, room, circuit, floor, stmr, qdu = 3, 35, -70, -64, 15, 1
	olr := float64(sendLoudness + receiveLoudness)
	sent := room - sendLoudness - ds - 100 + 0.004*math.Pow(room-olr-ds-14, 2)
	effective := room + 10*math.Log10(1+power(10-(stmr+3)))
	received := receiveLoudness - 121 + effective + 0.008*math.Pow(effective-35, 2)
	no := 10 * math.Log10(power(circuit)+power(sent)+power(received)+power(floor+receiveLoudness))
	if math.Abs(no-noise) > 0.001 {
		t.Errorf("noise %.4f, not %.4f", no, noise)
	}
	root := func(x, n float64) float64 { return math.Pow(1+math.Pow(x, n), 1/n) }
	x := (olr + 0.2*(64+no-receiveLoudness)) / 8
	loud := 20 * (root(x, 8) - x)
	masked := -10 * math.Log10(power(-stmr)+power(-talkerEcho))
	sidetone := 12*root((masked-13)/6, 8) - 28*root((masked+1)/19.4, 35) - 13*root((masked-3)/33, 13) + 29
	q := 37 - 15*math.Log10(qdu)
	g := 1.07 + 0.258*q + 0.0602*q*q
	quantizing := 15 * math.Log10(1+math.Pow(10, (signalNoise-100)/15+46/8.4-g/9)+math.Pow(10, 46.0/30-g/40))
	if is := loud + sidetone + quantizing; math.Abs(is-simultaneous) > 0.001 {
		t.Errorf("simultaneous impairment %.4f, not %.4f", is, simultaneous)
	}
	if r := bestRating - delayImpairment(0); math.Abs(r-93.2) > 0.01 {
		t.Errorf("R %.3f, not 93.2", r)
	}
}

func TestMOSFallsWithLossDelayAndJitter(t *testing.T) {
	for _, codec := range []Codec{{}, StaticCodec(g729), {Ie: 40, Bpl: 1}} {
		for name, q := range map[string]func(i int) Quality{
			"loss": func(i int) Quality { return Quality{Codec: codec, Loss: float64(i) / 5000} },
			"delay": func(i int) Quality {
				return Quality{Codec: codec, OneWayDelay: time.Duration(i) * 100 * time.Microsecond}
			},
			"jitter": func(i int) Quality { return Quality{Codec: codec, Jitter: time.Duration(i) * 100 * time.Microsecond} },
		} {
			best := MOS(q(0))
			for i := range 5001 {
				switch m := MOS(q(i)); {
				case m > best || m < 1 || math.IsNaN(m):
					t.Fatalf("%s %d of %+v: %.4f after %.4f", name, i, codec, m, best)
				default:
					best = m
				}
			}
			if all := MOS(q(0)) - best; all < 0.7 {
				t.Errorf("%s of %+v takes away %.2f only", name, codec, all)
			}
		}
	}
}

func TestJitterIsDelayOfTheBuffer(t *testing.T) {
	if a, b := MOS(Quality{Jitter: 90 * time.Millisecond, OneWayDelay: 20 * time.Millisecond}), MOS(Quality{OneWayDelay: 200 * time.Millisecond}); a != b {
		t.Errorf("%.4f, not %.4f", a, b)
	}
}

func TestCodecsAreFoundByNameAndType(t *testing.T) {
	for _, c := range []struct {
		encoding string
		static   int
		want     Codec
	}{
		{"PCMU", 0, Codec{}},
		{"PCMA", 8, Codec{}},
		{"g729", g729, Codec{11, 19}},
		{"G723", 4, Codec{15, 16.1}},
		{"GSM", 3, Codec{20, 10}},
		{"gsm-efr", -1, Codec{5, 10}},
		{"G722", 9, Codec{}},
		{"opus", 96, Codec{}},
		{"", 127, Codec{}},
	} {
		if got := CodecOf(c.encoding); got != c.want {
			t.Errorf("%q: %+v", c.encoding, got)
		}
		if c.static < 0 {
			continue
		}
		if got := StaticCodec(uint8(c.static)); got != c.want {
			t.Errorf("payload type %d: %+v", c.static, got)
		}
	}
}
