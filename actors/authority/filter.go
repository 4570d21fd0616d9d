package authority

import (
	"bytes"
	"net/url"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// Filter is what an authorized user may not do.
type Filter uint8

// The filters of Net::SIP. Users are compared with letter case: Alice is not alice (RFC 3261 §19.1.4).
const (
	FromIsRealm Filter = iota // the host of From is the realm, or below it
	FromIsUser                // the user of From is the one that was authorized
	ToIsFrom                  // To and From name the same address of record: nobody registers another
)

// may tells whether an authorized user may send this request: all filters let it by.
func (a *authority) may(p *message.Packet, user []byte, realm string) bool {
	if len(a.Filters) == 0 {
		return true
	}
	from, ok := sipwire.ParseURI(p.FromURI())
	if !ok || from.Scheme == sipwire.OtherScheme {
		return false
	}
	for _, f := range a.Filters {
		if !f.admits(p, from, user, realm) {
			return false
		}
	}
	return true
}

func (f Filter) admits(p *message.Packet, from sipwire.URI, user []byte, realm string) bool {
	switch f {
	case FromIsRealm:
		below := len(from.Host) - len(realm)
		return below == 0 && sipwire.EqualFold(from.Host, realm) ||
			below > 1 && from.Host[below-1] == '.' && sipwire.EqualFold(from.Host[below:], realm)
	case FromIsUser:
		plain, _, _ := bytes.Cut(from.User, []byte(":")) // without a password
		name, err := url.PathUnescape(string(plain))
		return err == nil && name == string(user)
	case ToIsFrom:
		to, ok := sipwire.ParseURI(p.ToURI())
		return ok && to.Scheme != sipwire.OtherScheme && bytes.Equal(to.AppendAOR(nil), from.AppendAOR(nil))
	}
	return false
}
