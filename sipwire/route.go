package sipwire

// RouteValue is one value of the Route headers (RFC 3261 §20.34), in the order of the route set.
type RouteValue struct {
	URI   Span
	at    Span
	field int
	gone  bool
}

// Gone tells whether the value was taken out of the route set.
func (v RouteValue) Gone() bool { return v.gone }

// routeSet is the route set of a request, read when it is first asked for. Taken values are edits that are made at
// the end, when it is known what is left of each header field.
type routeSet struct {
	read    bool
	ok      bool
	taken   bool
	values  []RouteValue
	store   [16]RouteValue
	appends Span // a value to be put at the end, in the message's text
}

func (r *routeSet) reset() {
	r.read, r.ok, r.taken, r.appends = false, false, false, Span{}
	r.values = r.store[:0]
}

// Routes is the route set as it is now. ok is false when a value cannot be read; one without angle brackets cannot: it
// does not say whose its parameters are. The slice is valid until the next edit of the route set.
func (m *Message) Routes() (routes []RouteValue, ok bool) {
	r := &m.route
	if !r.read {
		r.read, r.ok = true, m.readRoutes()
	}
	return r.values, r.ok
}

// HasRoute tells whether a Route value is left.
func (m *Message) HasRoute() bool {
	if !m.Has(Route) {
		return false
	}
	routes, _ := m.Routes()
	for i := range routes {
		if !routes[i].gone {
			return true
		}
	}
	return false
}

func (m *Message) readRoutes() bool {
	for w := m.values(Route); ; {
		at, field, ok := w.next(m, Route)
		if !ok {
			return true
		}
		uri, _, bare, ok := address(m.raw, at)
		if !ok || bare {
			return false
		}
		m.route.values = append(m.route.values, RouteValue{URI: uri, at: at, field: field})
	}
}

// TakeRoute takes value i out of the route set.
func (m *Message) TakeRoute(i int) { m.route.values[i].gone, m.route.taken = true, true }

// AppendRoute puts "<uri>" at the end of the route set (RFC 3261 §16.6 step 6). Of several the last one leaves.
func (m *Message) AppendRoute(uri []byte) {
	from := int32(len(m.text))
	m.text = append(m.text, "Route: <"...)
	m.text = append(m.text, uri...)
	m.text = append(m.text, ">\r\n"...)
	m.route.appends = Span{from, int32(len(m.text))}
}

// flush turns what became of the route set into edits: a header field of which nothing is left goes as a whole.
func (r *routeSet) flush(m *Message) {
	at := m.eoh // where a new value goes: behind the last one
	for i := 0; i < len(r.values); {
		k, n, left := r.values[i].field, i, 0
		for ; n < len(r.values) && r.values[n].field == k; n++ {
			if !r.values[n].gone {
				left++
			}
		}
		f := &m.fields[k]
		if at = f.end; left == 0 {
			m.Delete(Span{f.start, f.end})
		} else {
			r.flushField(m, r.values[i:n])
		}
		i = n
	}
	if !r.appends.Empty() {
		m.addEdit(edit{cover: Span{at, at}, text: r.appends})
	}
}

// flushField deletes the taken values of one header field, each with the comma that parted it from one that stays.
func (r *routeSet) flushField(m *Message, values []RouteValue) {
	kept := int32(-1) // end of the last value that stays
	for i := 0; i < len(values); i++ {
		if !values[i].gone {
			kept = values[i].at.End
			continue
		}
		from := values[i].at.Off
		for i+1 < len(values) && values[i+1].gone {
			i++
		}
		if i+1 < len(values) {
			m.Delete(Span{from, values[i+1].at.Off})
		} else {
			m.Delete(Span{kept, values[i].at.End})
		}
	}
}
