package peers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"
	"time"
)

// rate is how many samples a second telephone audio has.
const rate = 8000

// tone writes a WAV file with a sine wave, 16 bits, one channel.
func tone(t *testing.T, file string, hz float64, length time.Duration) {
	t.Helper()
	samples := make([]int16, int(length.Seconds()*rate))
	for i := range samples {
		samples[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	size := uint32(2 * len(samples))
	var b bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), size, samples,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

var errWAV = errors.New("this is no WAV file with 8000 samples a second, 16 bits, one channel")

// samples are those of a WAV file.
func samples(file string) ([]int16, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errWAV
	}
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		chunk := b[8:min(8+size, len(b))]
		switch {
		case name == "fmt " && (len(chunk) < 16 || binary.LittleEndian.Uint16(chunk[2:]) != 1 ||
			binary.LittleEndian.Uint32(chunk[4:]) != rate || binary.LittleEndian.Uint16(chunk[14:]) != 16):
			return nil, errWAV
		case name == "data":
			s := make([]int16, len(chunk)/2)
			_, err := binary.Decode(chunk, binary.LittleEndian, s)
			return s, err
		}
		b = b[min(8+size+size%2, len(b)):]
	}
	return nil, errWAV
}

// share is which part of the power of some samples is a tone's, by Goertzel's algorithm: 1 when there is nothing else, 0
// for silence.
func share(samples []int16, hz float64) float64 {
	n := float64(len(samples))
	w := 2 * math.Pi * hz / rate
	c := 2 * math.Cos(w)
	var s1, s2, power float64
	for _, v := range samples {
		x := float64(v)
		s1, s2 = x+c*s1-s2, s1
		power += x * x
	}
	if power < n { // below one bit
		return 0
	}
	return 2 * (s1*s1 + s2*s2 - c*s1*s2) / (n * power)
}

// window is how long a piece of audio is in which a tone is looked for: whole periods of the tones that are used.
const window = 100 * time.Millisecond

// sounds is how long a tone is heard in one piece at the longest, with hardly anything beside it.
func sounds(samples []int16, hz float64) (longest time.Duration) {
	n := int(window.Seconds() * rate)
	run := time.Duration(0)
	for ; len(samples) >= n; samples = samples[n:] {
		if share(samples[:n], hz) < 0.95 {
			run = 0
			continue
		}
		run += window
		longest = max(longest, run)
	}
	return longest
}

// A test of audio must be able to fail.
func TestAToneIsToldFromAnother(t *testing.T) {
	file := t.TempDir() + "/tone.wav"
	tone(t, file, 440, time.Second)
	s, err := samples(file)
	if err != nil || len(s) != rate {
		t.Fatalf("%d samples, %v", len(s), err)
	}
	if d := sounds(s, 440); d != time.Second {
		t.Errorf("a second of 440 Hz sounds for %v", d)
	}
	if d := sounds(s, 1000); d != 0 {
		t.Errorf("1000 Hz sound for %v in 440 Hz", d)
	}
	clear(s[rate/2 : rate/2+160]) // a packet that was lost
	if d := sounds(s, 440); d != time.Second/2 {
		t.Errorf("with a gap in the middle it sounds for %v in one piece", d)
	}
	clear(s)
	if d := sounds(s, 440); d != 0 {
		t.Errorf("silence sounds for %v", d)
	}
}
