package location

import (
	"container/heap"
	"math"
)

// appointment is when the sweep looks at the record of that hash and that due. It is stale when there is none.
type appointment struct {
	at   int64 // milliseconds
	hash uint64
}

type calendar []appointment

func (c calendar) Len() int           { return len(c) }
func (c calendar) Less(i, j int) bool { return c[i].at < c[j].at }
func (c calendar) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *calendar) Push(x any)        { *c = append(*c, x.(appointment)) }
func (c *calendar) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// diary has one valid appointment for each record, no later than its first binding lapses. A refresh makes a record lapse
// later and leaves the appointment as it is: the sweep finds nothing to do then and makes the next one. Only a record that
// lapses earlier than before, or is gone, leaves a stale appointment; when most are stale, the diary is written anew.
type diary struct {
	calendar calendar
	stale    int
}

// noDue is the due of a record without appointment.
const noDue = math.MaxInt64

// fewStale is a number of stale appointments that does not matter.
const fewStale = 1024

// enter gives r, which is about to take the place of old, its appointment. earliest is when the first of its bindings
// lapses.
func (d *diary) enter(r, old *record, earliest int64) {
	if old != nil && old.due <= earliest {
		r.due = old.due
		return
	}
	if old != nil {
		d.leave(old)
	}
	d.meet(r, earliest)
}

// meet makes an appointment for r, which has none.
func (d *diary) meet(r *record, at int64) {
	r.due = at
	heap.Push(&d.calendar, appointment{at, r.hash})
}

// leave notes that nobody comes to the appointment of r, if it has one.
func (d *diary) leave(r *record) {
	if r.due != noDue {
		d.stale++
	}
}

// next takes the first appointment out that is due at now.
func (d *diary) next(now int64) (a appointment, ok bool) {
	if len(d.calendar) == 0 || d.calendar[0].at > now {
		return appointment{}, false
	}
	return heap.Pop(&d.calendar).(appointment), true
}

// tidy drops the stale appointments when they are most of all.
func (d *diary) tidy(t *table) {
	if d.stale <= fewStale || d.stale <= len(d.calendar)/2 {
		return
	}
	d.calendar, d.stale = d.calendar[:0], 0
	for r := range t.each {
		d.calendar = append(d.calendar, appointment{r.due, r.hash})
	}
	heap.Init(&d.calendar)
}
