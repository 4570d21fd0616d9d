package digest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4096

// flight is a question on its way.
type flight struct {
	key         string
	user, realm string
	algorithm   Algorithm
	waiters     []func() // guarded by Callback.mu until it has landed, its worker's own then
	asked       bool     // its worker's own
	landed      bool     // its worker's own
}

// worker is one of the loops that ask. It ends when there is nothing to ask.
type worker struct{ flight *flight }

func (c *Callback) work(w *worker) {
	for {
		if w.flight == nil {
			if w.flight = c.take(); w.flight == nil {
				return
			}
		}
		f := w.flight
		if !f.asked {
			f.asked = true
			c.remember(f)
		}
		c.land(f)
		for len(f.waiters) > 0 {
			done := f.waiters[0]
			f.waiters = f.waiters[1:]
			c.mu.Lock()
			c.waiting-- // its place is free before it hears
			c.mu.Unlock()
			done()
		}
		w.flight = nil
	}
}

// take is the next question. Without one, the worker is none any more.
func (c *Callback) take() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.queue = nil
		c.workers--
		return nil
	}
	f := c.queue[0]
	c.queue = c.queue[1:]
	return f
}

// remember asks, and keeps the answer. A failure is kept for a moment, and not at all when it is ourselves who ended it.
func (c *Callback) remember(f *flight) {
	r := remembered{found: Failed}
	to, ttl := c.others, failedTTL
	defer func() { // also when asking panics
		if c.context.Err() == nil {
			r.expires = c.now().Add(max(ttl, minTTL))
			to.put(f.key, r)
		}
	}()
	ha1, found, err := c.ask(f)
	switch {
	case err != nil:
		if c.context.Err() == nil {
			c.fail(err)
		}
		return
	case found == Present:
		to, ttl = c.present, c.cfg.TTL
	default:
		ttl = c.cfg.AbsentTTL
	}
	r = remembered{ha1: ha1, found: found}
}

// land has later questions ask anew.
func (c *Callback) land(f *flight) {
	if f.landed {
		return
	}
	c.mu.Lock()
	delete(c.flights, f.key)
	c.mu.Unlock()
	f.landed = true
}

var errAnswer = errors.New("the service that knows the users gives no answer")

// ask puts one question.
func (c *Callback) ask(f *flight) (HA1, Found, error) {
	req, err := c.request(f)
	if err != nil {
		return HA1{}, Failed, fmt.Errorf("%w: %w", errAnswer, err)
	}
	res, err := c.client.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the URL, which may hold what is secret
		}
		return HA1{}, Failed, fmt.Errorf("%w: %w", errAnswer, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	var said struct {
		HA1 string `json:"ha1"`
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return HA1{}, Absent, nil
	case res.StatusCode != http.StatusOK:
		return HA1{}, Failed, fmt.Errorf("%w: it says %s", errAnswer, res.Status)
	case err != nil:
		return HA1{}, Failed, fmt.Errorf("%w: %w", errAnswer, err)
	case len(body) > maxAnswer:
		return HA1{}, Failed, fmt.Errorf("%w: it is longer than %d bytes", errAnswer, maxAnswer)
	case json.Unmarshal(body, &said) != nil:
		return HA1{}, Failed, fmt.Errorf(`%w: it is no JSON object {"ha1": "…"}`, errAnswer)
	}
	ha1, err := f.algorithm.ParseHA1(said.HA1)
	if err != nil {
		return HA1{}, Failed, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return ha1, Present, nil
}

func (c *Callback) request(f *flight) (*http.Request, error) {
	where, body := c.cfg.URL, io.Reader(nil)
	if c.cfg.Method == http.MethodGet {
		mark := "?"
		if strings.Contains(where, "?") {
			mark = "&"
		}
		where += mark + url.Values{"user": {f.user}, "realm": {f.realm}, "algorithm": {f.algorithm.String()}}.Encode()
	} else {
		question, err := json.Marshal(map[string]string{"user": f.user, "realm": f.realm, "algorithm": f.algorithm.String()})
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(question)
	}
	req, err := http.NewRequestWithContext(c.context, c.cfg.Method, where, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Authorization != "" {
		req.Header.Set("Authorization", c.cfg.Authorization)
	}
	return req, nil
}
