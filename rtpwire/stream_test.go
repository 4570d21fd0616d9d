package rtpwire

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// ms is a millisecond in nanoseconds.
const ms = 1_000_000

// speak gives a stream the packets of a telephone with these sequence numbers, 20 ms apart.
func speak(s *Stream, sequence ...uint16) {
	for _, seq := range sequence {
		s.Receive(Header{Sequence: seq, Timestamp: 160 * uint32(s.Received), SSRC: 7}, int64(s.Received)*20*ms, 8000)
	}
}

// from is n sequence numbers.
func from(first uint16, n int) (sequence []uint16) {
	for i := range n {
		sequence = append(sequence, first+uint16(i))
	}
	return sequence
}

func seqs(parts ...[]uint16) (all []uint16) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

type counts struct {
	received, expected, lost, late uint64
	highest                        uint32
}

func TestPacketsAreCountedBySequence(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint16
		want counts
	}{
		{"nothing", nil, counts{}},
		{"one", []uint16{9}, counts{1, 1, 0, 0, 9}},
		{"in order", from(100, 50), counts{50, 50, 0, 0, 149}},
		{"one lost", []uint16{1, 2, 4}, counts{3, 4, 1, 0, 4}},
		{"late", []uint16{1, 3, 2, 4}, counts{4, 4, 0, 1, 4}},
		{"twice", []uint16{1, 2, 2, 3}, counts{4, 3, 0, 1, 3}},
		{"the first one twice", []uint16{1, 1, 2}, counts{3, 2, 0, 1, 2}},
		{"late and twice", []uint16{1, 3, 2, 2, 4}, counts{5, 4, 0, 2, 4}},
		{"a copy does not make up for a loss", []uint16{1, 2, 2, 2, 4}, counts{5, 4, 1, 2, 4}},
		{"behind the first one", []uint16{11, 10, 12}, counts{3, 2, 0, 1, 12}},
		{"wrap around", from(65530, 12), counts{12, 12, 0, 0, 1<<16 | 5}},
		{"loss at the wrap", []uint16{65534, 1}, counts{2, 4, 2, 0, 1<<16 | 1}},
		{"late over the wrap", []uint16{65534, 0, 65535, 1}, counts{4, 4, 0, 1, 1<<16 | 1}},
		{"copy over the wrap", []uint16{65535, 0, 65535}, counts{3, 2, 0, 1, 1 << 16}},
		{"three turns", from(0, 3*65536+2), counts{3*65536 + 2, 3*65536 + 2, 0, 0, 3<<16 | 1}},
		{"the greatest loss", []uint16{1, 3000}, counts{2, 3000, 2998, 0, 3000}},
		{"late within the window", []uint16{0, 64, 1}, counts{3, 65, 62, 1, 64}},
		{"late beyond the window stays lost", []uint16{0, 65, 1}, counts{3, 66, 64, 1, 65}},
		{"the farthest late one", []uint16{1, 101, 2}, counts{3, 101, 99, 1, 101}},
		{"a copy beyond the window", []uint16{1, 91, 1}, counts{3, 91, 89, 1, 91}},
		{"two packets astray", []uint16{1, 2, 30000, 3, 50000, 4}, counts{6, 6, 0, 0, 4}},
		{"the same packet astray twice", []uint16{1, 2, 30000, 30000, 3}, counts{5, 5, 0, 0, 3}},
		{"restart", seqs(from(1, 10), from(30000, 10)), counts{20, 20, 0, 0, 30009}},
		{"restart just too far ahead", seqs(from(1, 1), from(3001, 3)), counts{4, 4, 0, 0, 3003}},
		{"restart just too far behind", seqs(from(500, 1), from(390, 3)), counts{4, 4, 0, 0, 392}},
		{"a jump just too far behind", []uint16{500, 400}, counts{2, 2, 0, 0, 500}},
		{"restart with the wrap in its first two", []uint16{1000, 1001, 65535, 0}, counts{4, 4, 0, 0, 0}},
		{"a first packet astray at zero", []uint16{30000, 0, 30001}, counts{3, 3, 0, 0, 30001}},
		{"a restart so near behind that it is late until it gets there", seqs(from(500, 1), from(450, 60)), counts{61, 10, 0, 51, 509}},
		{"restart at zero", seqs(from(40000, 10), from(0, 10)), counts{20, 20, 0, 0, 9}},
		{"restart over the wrap", seqs(from(1000, 2), from(65535, 3)), counts{5, 5, 0, 0, 1}},
		{"restart keeps what was lost", seqs([]uint16{1, 4}, from(30000, 3), []uint16{30005}), counts{6, 10, 4, 0, 30005}},
		{"a late one of before the restart", seqs([]uint16{1, 3}, from(30000, 2), []uint16{2}, from(30002, 2)), counts{7, 8, 1, 0, 30003}},
		{"the first of a restart again", []uint16{1, 30000, 30001, 30000, 30002}, counts{5, 4, 0, 1, 30002}},
		{"a restart in disorder", []uint16{1, 30001, 30000, 30002, 30003}, counts{5, 5, 0, 0, 30003}},
		{"a restart, its second packet lost", []uint16{1, 30000, 30002, 30003}, counts{4, 4, 0, 0, 30003}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Stream
			speak(&s, c.in...)
			if got := (counts{s.Received, s.Expected(), s.Lost(), s.Late, s.Highest()}); got != c.want {
				t.Errorf("received, expected, lost, late, highest %+v, not %+v", got, c.want)
			}
		})
	}
}

// Sequence numbers shuffled, dropped and repeated, over several turns, are counted as a set of numbers counts them.
func TestLossIsExactWhateverOrderPacketsComeIn(t *testing.T) {
	r := rand.New(rand.NewPCG(3550, 1))
	for range 200 {
		var s Stream
		base := r.Uint32N(1 << 16)
		loss, copies, disorder := r.IntN(30), r.IntN(10), 1+r.IntN(60)
		var sent []uint32
		for i := range uint32(2000) {
			sent = append(sent, base+i)
		}
		for i := 1; i+disorder < len(sent); i += disorder { // the first and the last stay in place
			part := sent[i : i+disorder]
			r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		}
		came := map[uint32]bool{}
		for i, n := range sent {
			if r.IntN(100) < loss && i > 0 && i < len(sent)-1 {
				continue
			}
			came[n] = true
			speak(&s, uint16(n))
			if r.IntN(100) < copies {
				speak(&s, uint16(n))
			}
		}
		if want := uint64(len(sent) - len(came)); s.Lost() != want || s.Expected() != uint64(len(sent)) {
			t.Fatalf("%d lost of %d, not %d of %d, in disorder of %d", s.Lost(), s.Expected(), want, len(sent), disorder)
		}
		if want := base + uint32(len(sent)) - 1; s.Highest() != want {
			t.Fatalf("highest %#x, not %#x", s.Highest(), want)
		}
	}
}

func TestAnotherSourceBeginsAnewAndCountsGoOn(t *testing.T) {
	var s Stream
	speak(&s, 1, 2, 4)
	for i := range uint16(3) {
		s.Receive(Header{Type: 8, Sequence: 40000 + i, Timestamp: 1 << 31, SSRC: 8}, int64(i)*20*ms, 8000)
	}
	want := counts{6, 7, 1, 0, 40002}
	if got := (counts{s.Received, s.Expected(), s.Lost(), s.Late, s.Highest()}); got != want || s.SSRC != 8 || s.Type != 8 {
		t.Errorf("%+v of %d with type %d, not %+v of 8 with type 8", got, s.SSRC, s.Type, want)
	}
	if s.Jitter() != 0 {
		t.Errorf("jitter %v of another source's clock", s.Jitter())
	}
}

func TestOnlyASourceThatGoesOnMayMove(t *testing.T) {
	var s Stream
	if s.Continues(0) {
		t.Error("nothing came, and something continues it")
	}
	for _, highest := range []uint16{1000, 5, 65535, 65300} {
		s = Stream{}
		speak(&s, highest-1, highest)
		for _, c := range []struct {
			ahead int
			want  bool
		}{{-32768, false}, {-100, false}, {-16, false}, {-15, true}, {0, true}, {1, true}, {500, true}, {501, false}, {32767, false}} {
			if got := s.Continues(highest + uint16(c.ahead)); got != c.want {
				t.Errorf("%d from %d: %v", c.ahead, highest, got)
			}
		}
	}
}

func TestAStreamIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Stream{}); size > 96 {
		t.Errorf("%d bytes", size)
	}
}
