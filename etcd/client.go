package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/actorsip/actorsip/loop"
)

// Config says where etcd is.
type Config struct {
	Endpoints []string      // URLs: https://host:2379, or http:// for one without TLS
	Prefix    string        // of all keys; default /actorsip/. Two clusters in one etcd have two.
	TLS       TLS           // for https
	User      string        // empty: none is told. With one, Open needs an etcd that is there
	Password  string        // of the user
	Timeout   time.Duration // to wait for one answer; default 1 s. What is not answered is asked again, of another node
	Log       *slog.Logger
}

const (
	defaultPrefix  = "/actorsip/"
	defaultTimeout = time.Second

	aliveTime    = 10 * time.Second // a connection that is silent for so long is asked whether it is there
	aliveTimeout = 3 * time.Second  // to answer that
	loginTimeout = 5 * time.Second  // to be given a token for a user and his password
	attempts     = 5                // at other endpoints, when a question was not heard by one
)

// Validate tells what is wrong with cfg, in a sentence.
func (cfg Config) Validate() error {
	if len(cfg.Endpoints) == 0 {
		return errors.New("etcd needs at least one endpoint, as https://host:2379")
	}
	for _, e := range cfg.Endpoints {
		u, err := url.Parse(e)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%q is no endpoint of etcd; write https://host:2379", e)
		}
		if tls := u.Scheme == "https"; tls != strings.HasPrefix(cfg.Endpoints[0], "https:") {
			return errors.New("the endpoints of etcd are all https, or all http")
		}
	}
	if cfg.Prefix != "" && (!strings.HasPrefix(cfg.Prefix, "/") || !strings.HasSuffix(cfg.Prefix, "/")) {
		return fmt.Errorf("%q is no prefix of keys in etcd; write it as %s", cfg.Prefix, defaultPrefix)
	}
	if cfg.Timeout < 0 {
		return errors.New("the timeout of etcd is not negative")
	}
	return cfg.TLS.validate()
}

// Client is a connection to etcd. Its methods may be called from any goroutine. Names of entries are what stands behind the
// prefix.
type Client struct {
	cfg   Config // set once, as the next two
	etcd  *clientv3.Client
	pulse *loop.Handle
	poke  chan struct{} // holds one: look now whether it is there
	state atomic.Pointer[state]
	seen  atomic.Int64 // the last revision of which anybody was told
}

// Open makes a client, asks once whether etcd is there, and says so if it is not: that is no error. A Config that cannot be
// right is one, and so are certificates that cannot be read.
func Open(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	theirs := clientv3.Config{
		Endpoints: cfg.Endpoints, Logger: zap.NewNop(), MaxUnaryRetries: attempts,
		DialKeepAliveTime: aliveTime, DialKeepAliveTimeout: aliveTimeout, PermitWithoutStream: true,
		MaxCallSendMsgSize: mostBytes, MaxCallRecvMsgSize: 1 << 30, Username: cfg.User, Password: cfg.Password,
	}
	if strings.HasPrefix(cfg.Endpoints[0], "https:") {
		var err error
		if theirs.TLS, err = cfg.TLS.load(); err != nil {
			return nil, err
		}
	}
	if cfg.User != "" {
		theirs.DialTimeout = loginTimeout // New asks for a token
	}
	opened, err := clientv3.New(theirs)
	if err != nil && cfg.User != "" {
		return nil, fmt.Errorf("the user %s cannot be told to etcd: %w", cfg.User, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the client of etcd cannot be made: %w", err)
	}
	c := &Client{cfg: cfg, etcd: opened, poke: make(chan struct{}, 1)}
	c.state.Store(&state{since: time.Now()})
	c.ask(context.Background(), 1)
	c.pulse = loop.Start("etcd pulse", c.beat, nil)
	return c, nil
}

// Close ends the client. Whoever follows something has to be stopped before.
func (c *Client) Close() {
	c.pulse.Stop()
	_ = c.etcd.Close()
}

// Patience is how long to go on trying what has failed: time for etcd to choose another leader.
func (c *Client) Patience() time.Duration { return c.cfg.Timeout * 4 }

// within is a context that ends when stop is closed, and after the timeout at the latest.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

func (c *Client) key(name string) string { return c.cfg.Prefix + name }

func (c *Client) name(key []byte) string { return strings.TrimPrefix(string(key), c.cfg.Prefix) }
