package sipwire

import "testing"

func TestURIParts(t *testing.T) {
	type parts struct {
		scheme          Scheme
		user, host      string
		port            uint16
		params, headers string
	}
	for uri, want := range map[string]parts{
		"sip:b":                     {SIP, "", "b", 0, "", ""},
		"sip:a@b":                   {SIP, "a", "b", 0, "", ""},
		"SIPS:a@B.Example.com:5061": {SIPS, "a", "B.Example.com", 5061, "", ""},
		"sip:a:pa&$,=+@b":           {SIP, "a:pa&$,=+", "b", 0, "", ""},
		"sip:a:@b":                  {SIP, "a:", "b", 0, "", ""},
		"sip:a;x=1;y?z@b;lr":        {SIP, "a;x=1;y?z", "b", 0, ";lr", ""},
		"sip:sips%3Auser%40example.com@example.net": {SIP, "sips%3Auser%40example.com", "example.net", 0, "", ""},
		"sip:%61;%00@b": {SIP, "%61;%00", "b", 0, "", ""},
		"sip:jörg@b":    {SIP, "jörg", "b", 0, "", ""},
		"sip:b;transport=tcp;lr?Subject=x&Priority=y": {SIP, "", "b", 0, ";transport=tcp;lr", "?Subject=x&Priority=y"},
		"sip:b?x=;y":                   {SIP, "", "b", 0, "", "?x=;y"},
		"sip:b;;=;x=":                  {SIP, "", "b", 0, ";;=;x=", ""},
		"sip:b:05060":                  {SIP, "", "b", 5060, "", ""},
		"sip:b:65535":                  {SIP, "", "b", 65535, "", ""},
		"sip:b:0":                      {SIP, "", "b", 0, "", ""},
		"sip:b:":                       {SIP, "", "b", 0, "", ""},
		"sip:b:;lr":                    {SIP, "", "b", 0, ";lr", ""},
		"sip:[2001:db8::10]:5070":      {SIP, "", "[2001:db8::10]", 5070, "", ""},
		"sip:[2001:db8::10:5070]":      {SIP, "", "[2001:db8::10:5070]", 0, "", ""},
		"sip:a@[::ffff:192.0.2.1];lr":  {SIP, "a", "[::ffff:192.0.2.1]", 0, ";lr", ""},
		"sip:a@[2001:db8:::192.0.2.1]": {SIP, "a", "[2001:db8:::192.0.2.1]", 0, "", ""}, // RFC 5118 §4.10
		"sip:under_score.example.com.": {SIP, "", "under_score.example.com.", 0, "", ""},
	} {
		u, ok := ParseURI([]byte(uri))
		got := parts{u.Scheme, string(u.User), string(u.Host), u.Port, string(u.Params), string(u.Headers)}
		if !ok || got != want {
			t.Errorf("%s: %v %v", uri, ok, got)
		}
	}
}

func TestURIsThatAreNone(t *testing.T) {
	for _, uri := range []string{
		"", "sip", "sip:", ":", ":a@b", "sip:@b", "sip:a@", "sip:a@b@c", "sip:a@:5060", "sip:b:65536", "sip:b:99999999999999999999",
		"sip:b:-1", "sip:b:50x", "sip:a b@c", "sip:b c", "sip:a\tb", "sip:b\r\n", "sip:\x00", "sip:b\x7f", "sip:<b>", `sip:"a"@b`, "<sip:b>",
		"sip:%@b", "sip:%4@b", "sip:%4g@b", "sip:b%41", "sip:b,c", "sip:b/c", "sip://b", "sip:[::1", "sip:[::1]x", "sip:[]", "sip:[1:2]", "sip:[::g]",
		"sip:2001:db8::10", "sip:2001:db8::10:5060", "1tel:x", "a_b:c", "s p:c", "sip :b",
	} {
		if u, ok := ParseURI([]byte(uri)); ok {
			t.Errorf("%q is read as %q %q %d %q %q", uri, u.User, u.Host, u.Port, u.Params, u.Headers)
		}
	}
	for _, uri := range []string{"tel:+1-201-555-0100;x=y", "urn:service:sos", "http://a/b?c", "soap.beep://192.0.2.1:3002", "x-1+2.3:", "mailto:a@b"} {
		if u, ok := ParseURI([]byte(uri)); !ok || u.Scheme != OtherScheme || u.Host != nil {
			t.Errorf("%s: %v %v %s", uri, ok, u.Scheme, u.Host)
		}
	}
}

func TestURIParam(t *testing.T) {
	u, _ := ParseURI([]byte("sip:b;Transport=TCP;LR;x=1;X=2;=3;maddr="))
	for name, want := range map[string]string{"transport": "TCP", "lr": "", "x": "1", "": "3", "maddr": ""} {
		if v, ok := u.Param(name); !ok || string(v) != want {
			t.Errorf("%q: %q %v", name, v, ok)
		}
	}
	if _, ok := u.Param("l"); ok {
		t.Error("a part of a name is found")
	}
	if u.Transport() != TCP {
		t.Errorf("transport %v", u.Transport())
	}
}

func TestURIWithout(t *testing.T) {
	for _, c := range []struct {
		uri   string
		port  bool
		names []string
		want  string
	}{
		{"sip:5060@5060:5060;a", false, nil, "sip:5060@5060;a"},
		{"sip:50@50:5060", false, nil, "sip:50@50"},
		{"sip:50:5060", false, nil, "sip:50"},
		{"SIPS:a@[::1]:5061;x;Y=1;z?q", true, []string{"y"}, "sips:a@[::1]:5061;x;z?q"},
		{"sip:a@[::1]:5061;x;y=1;Z?q", false, []string{"x", "y", "z"}, "sip:a@[::1]?q"},
		{"sip:b:;x;;x=2", true, []string{"x"}, "sip:b:;"},
		{"sip:b", false, []string{"x"}, "sip:b"},
	} {
		u, _ := ParseURI([]byte(c.uri))
		if got := string(u.AppendWithout([]byte("> "), c.port, c.names...)); got != "> "+c.want {
			t.Errorf("%s without %v: %s", c.uri, c.names, got)
		}
	}
}
