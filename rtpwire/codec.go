package rtpwire

import "strings"

// Codec is what a codec does to speech (ITU-T G.113 Appendix I). The zero value is G.711 whose receiver conceals losses:
// that is what telephones do today, and what stands in for codecs without published values, wideband ones too.
type Codec struct {
	Ie  float64 // equipment impairment factor, 0 to 95: what it takes away when no packet is lost
	Bpl float64 // packet-loss robustness, percent of loss that takes half of what is left; 0: that of G.711
}

// concealing is Bpl of G.711 with packet loss concealment (G.711 Appendix I); it is 4.3 without.
const concealing = 25.1

// codecs are those that differ from G.711.
var codecs = [...]struct {
	name   string // in SDP
	static uint8  // payload type (RFC 3551 §6), 0: none
	Codec
}{
	{"GSM", 3, Codec{20, 10}}, // only Ie is published, Bpl is that of GSM-EFR
	{"G723", 4, Codec{15, 16.1}},
	{"G729", 18, Codec{11, 19}},
	{"GSM-EFR", 0, Codec{5, 10}},
}

// CodecOf is the codec of an encoding as a=rtpmap names it, in any case.
func CodecOf(encoding string) Codec {
	for _, c := range codecs {
		if strings.EqualFold(c.name, encoding) {
			return c.Codec
		}
	}
	return Codec{}
}

// StaticCodec is the codec of a payload type that needs no a=rtpmap (RFC 3551 §6).
func StaticCodec(payloadType uint8) Codec {
	for _, c := range codecs {
		if c.static == payloadType && c.static != 0 {
			return c.Codec
		}
	}
	return Codec{}
}

// impairment is Ie,eff of ITU-T G.107 §7.5 for random loss, as a share.
func (c Codec) impairment(loss float64) float64 {
	if c.Bpl <= 0 {
		c.Bpl = concealing
	}
	if !(loss > 0) { // not a number: nothing was expected
		return c.Ie
	}
	percent := 100 * min(loss, 1)
	return c.Ie + (95-c.Ie)*percent/(percent+c.Bpl)
}
