package limit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how often a key may do something, and how often in a row.
type Rate struct {
	Count int           // so many
	Per   time.Duration // in this time, evenly
	Burst int           // and so many at once after a rest; 0: Count
}

// longest is how long an emptied bucket may take to fill. What takes longer is a ban.
const longest = 7 * 24 * time.Hour

var (
	errNoCount = errors.New("a rate of less than one is a block; write a whole number before the slash")
	errNoTime  = errors.New("a rate needs a time above zero, as 10/s or 5/30s")
	errTooFast = errors.New("a rate of more than a million a second limits nothing")
	errTooSlow = errors.New("a bucket would need more than a week to fill; use a ban for that")
	errBurst   = errors.New("a burst is a whole number, at least 1")
)

// Validate says in a sentence what is wrong with the rate.
func (r Rate) Validate() error {
	switch {
	case r.Count < 1:
		return errNoCount
	case r.Per <= 0:
		return errNoTime
	case r.Per/time.Duration(r.Count) < time.Microsecond:
		return errTooFast
	case r.Burst < 0:
		return errBurst
	case time.Duration(r.burst()) > longest/r.interval():
		return errTooSlow
	}
	return nil
}

func (r Rate) burst() int {
	if r.Burst == 0 {
		return r.Count
	}
	return r.Burst
}

// interval is the time that one token takes to come.
func (r Rate) interval() time.Duration { return r.Per / time.Duration(r.Count) }

// ParseRate reads COUNT/TIME, with s, m or h or a duration as TIME: 10/s, 5/30s, 1000/h. The burst is left open.
func ParseRate(s string) (Rate, error) {
	count, per, found := strings.Cut(s, "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if !found || err != nil {
		return Rate{}, fmt.Errorf("%q is no rate; write it as 10/s, 100/m or 5/30s", s)
	}
	per = strings.TrimSpace(per)
	if per == "s" || per == "m" || per == "h" {
		per = "1" + per
	}
	d, err := time.ParseDuration(per)
	if err != nil {
		return Rate{}, fmt.Errorf("%q is no rate: %q is no time; write it as 10/s, 100/m or 5/30s", s, per)
	}
	r := Rate{Count: n, Per: d}
	if err := r.Validate(); err != nil {
		return Rate{}, fmt.Errorf("%q cannot be used: %w", s, err)
	}
	return r, nil
}

// String is the rate as ParseRate reads it.
func (r Rate) String() string {
	switch r.Per {
	case time.Second:
		return fmt.Sprintf("%d/s", r.Count)
	case time.Minute:
		return fmt.Sprintf("%d/m", r.Count)
	case time.Hour:
		return fmt.Sprintf("%d/h", r.Count)
	}
	return fmt.Sprintf("%d/%v", r.Count, r.Per)
}
