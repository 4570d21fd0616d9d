package sipwire

// RouteValue is one value of the Route headers (RFC 3261 §20.34), in the order of the route set.
type RouteValue struct {
	URI    Span
	at     Span
	header int
	gone   bool
}

// routeSet is the route set of a request, read when it is first asked for. Taken values are edits that are made at
// the end, when it is known what is left of each header.
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

// Routes is the route set as it is now. ok is false when a value cannot be read. The slice is valid until the next
// edit of the route set.
func (m *Message) Routes() (routes []RouteValue, ok bool) {
	r := &m.route
	if !r.read {
		r.read, r.ok = true, m.readRoutes()
	}
	return r.values, r.ok
}

func (m *Message) readRoutes() bool {
	r := &m.route
	if !m.Has(Route) {
		return true
	}
	for k := int(m.first[Route]) - 1; k < len(m.headers); k++ {
		h := &m.headers[k]
		if h.ID != Route {
			continue
		}
		for off := h.Value.Off; off >= 0; {
			var v RouteValue
			var ok bool
			if v.at, off, ok = item(m.raw, off, h.Value.End); !ok {
				return false
			}
			if v.URI, _, ok = address(m.raw, v.at); !ok {
				return false
			}
			v.header = k
			r.values = append(r.values, v)
		}
	}
	return true
}

// TakeRoute takes value i out of the route set.
func (m *Message) TakeRoute(i int) { m.route.values[i].gone, m.route.taken = true, true }

// Gone tells whether the value was taken out of the route set.
func (v RouteValue) Gone() bool { return v.gone }

// AppendRoute puts "<uri>" at the end of the route set (RFC 3261 §16.6 step 6).
func (m *Message) AppendRoute(uri []byte) {
	m.text = append(m.text, "Route: <"...)
	from := int32(len(m.text)) - int32(len("Route: <"))
	m.text = append(m.text, uri...)
	m.text = append(m.text, ">\r\n"...)
	m.route.appends = Span{from, int32(len(m.text))}
}

// flush turns what became of the route set into edits: a header of which nothing is left goes as a whole.
func (r *routeSet) flush(m *Message) {
	for i := 0; r.taken && i < len(r.values); {
		h := r.values[i].header
		n, left := i, 0
		for ; n < len(r.values) && r.values[n].header == h; n++ {
			if !r.values[n].gone {
				left++
			}
		}
		if left == 0 {
			m.Delete(Span{m.headers[h].Start, m.headers[h].End})
		} else {
			r.flushHeader(m, r.values[i:n])
		}
		i = n
	}
	if !r.appends.Empty() {
		at := m.eoh
		if n := len(r.values); n > 0 {
			at = m.headers[r.values[n-1].header].End
		}
		m.insertText(Span{at, at}, r.appends)
	}
}

// flushHeader deletes the taken values of one header, each with the comma that parted it from one that stays.
func (r *routeSet) flushHeader(m *Message, values []RouteValue) {
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
		switch {
		case i+1 < len(values):
			m.Delete(Span{from, values[i+1].at.Off})
		default:
			m.Delete(Span{kept, values[i].at.End})
		}
	}
}
