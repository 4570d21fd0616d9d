package sdpwire

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// TestWhatAStrictParserRefusesIsRelayed has descriptions of real endpoints that pion refuses.
func TestWhatAStrictParserRefusesIsRelayed(t *testing.T) {
	const head, media = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\n", "m=audio 49170 RTP/AVP 0\r\n"
	const c, time = "c=IN IP4 192.0.2.10\r\n", "t=0 0\r\n"
	for name, raw := range map[string]string{
		"fax":                        head + c + time + "m=image 49170 udptl t38\r\n",
		"fax in capitals":            head + c + time + "m=image 49170 UDPTL t38\r\n",
		"lower-case transport":       head + c + time + "m=audio 49170 rtp/avp 0\r\n",
		"unknown media":              head + c + time + "m=x-data 49170 udp 0\r\n",
		"no t=":                      head + c + media,
		"no s=":                      "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\n" + c + time + media,
		"no o=":                      "v=0\r\ns=-\r\n" + c + time + media,
		"c= behind t=":               head + time + c + media,
		"b= before c=":               head + "b=AS:64\r\n" + c + time + media,
		"unknown bandwidth":          head + c + "b=FOO:1\r\n" + time + media,
		"broken bandwidth":           head + c + "b=AS:64.5\r\n" + time + media,
		"blank in bandwidth":         head + c + "b=AS: 64\r\n" + time + media,
		"negative session":           "v=0\r\no=- -1 1 IN IP4 192.0.2.10\r\ns=-\r\n" + c + time + media,
		"dotted session":             "v=0\r\no=- 1.2 1 IN IP4 192.0.2.10\r\ns=-\r\n" + c + time + media,
		"user of two words":          "v=0\r\no=a b 1 1 IN IP4 192.0.2.10\r\ns=-\r\n" + c + time + media,
		"two e=":                     head + "e=a@b\r\ne=c@d\r\n" + c + time + media,
		"blank in version":           strings.Replace(head, "v=0", "v= 0", 1) + c + time + media,
		"lower-case net":             head + strings.ToLower(c) + time + media,
		"unknown lines":              head + c + time + "x=y\r\n" + media,
		"no line end behind media":   head + c + time + "m=audio 49170 rtp/avp 0",
		"line feeds, and lower case": strings.ReplaceAll(head+c+time, "\r", "") + "m=image 49170 udptl t38\n",
	} {
		if new(sdp.SessionDescription).UnmarshalString(raw) == nil {
			t.Errorf("%s: pion takes it", name)
		}
		d := new(Description)
		if fault := d.Parse([]byte(raw)); fault != None || len(d.Media) != 1 || !d.Media[0].Relayed() {
			t.Errorf("%s: fault %q", name, fault)
			continue
		}
		want := strings.NewReplacer("IP4 192.0.2.10", "IP4 198.51.100.7", "ip4 192.0.2.10", "IP4 198.51.100.7", "49170", "40000").Replace(raw)
		if got := string(d.Append(nil, host4, []uint16{40000})); got != want {
			t.Errorf("%s: left as\n%s\nnot as\n%s", name, got, want)
		}
	}
}
