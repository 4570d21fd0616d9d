package sdpwire

import (
	"bytes"
	"math/bits"
)

// Rate is the clock rate of one payload type.
type Rate struct {
	Type uint8
	Hz   uint32
}

// clocks are the clock rates that the a=rtpmap lines of one m-line give to payload types.
type clocks struct {
	known [2]uint64 // which of the rates are given, as bits
	hz    [128]uint32
}

// readClock is "type encoding/rate[/parameters]" (RFC 8866 §6.6). What cannot be read says nothing.
func (d *Description) readClock(text span) {
	kind := word(d.body, text)
	t, ok := number(d.body[kind.off:kind.end], 127)
	if !ok || d.current() == nil {
		return
	}
	encoding := word(d.body, span{kind.end, text.end})
	_, rest, _ := bytes.Cut(d.body[encoding.off:encoding.end], []byte("/"))
	rate, _, _ := bytes.Cut(rest, []byte("/"))
	if hz, ok := number(rate, 1<<31-1); ok && hz > 0 {
		d.clocks.known[t>>6] |= 1 << (t & 63)
		d.clocks.hz[t] = uint32(hz)
	}
}

// append appends the rates of the payload types of m that are not 8000 Hz, and gives them to m.
func (c *clocks) append(rates []Rate, m *Media) []Rate {
	from := len(rates)
	for half, types := range m.Types {
		for ; types != 0; types &= types - 1 {
			t := half<<6 | bits.TrailingZeros64(types)
			hz := assigned(t)
			if c.known[half]&(types&-types) != 0 {
				hz = c.hz[t]
			}
			if hz != 8000 {
				rates = append(rates, Rate{Type: uint8(t), Hz: hz})
			}
		}
	}
	if len(rates) > from {
		m.Rates = rates[from:len(rates):len(rates)]
	}
	return rates
}

// assigned is the clock rate of a payload type that no a=rtpmap names (RFC 3551 §6). That of G722 is 8000, although it
// samples at 16000 Hz (§4.5.2).
func assigned(t int) uint32 {
	switch t {
	case 6:
		return 16000
	case 10, 11:
		return 44100
	case 16:
		return 11025
	case 17:
		return 22050
	case 14, 25, 26, 28, 31, 32, 33, 34:
		return 90000
	}
	return 8000
}
