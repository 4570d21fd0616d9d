package digest

import (
	"bytes"
	"fmt"
	"strings"
)

// registry is the users of a file. It never changes.
type registry struct {
	realms map[string]map[string]entry
}

// entry is one user of one realm.
type entry struct {
	ha1 [numAlgorithms]HA1
	has [numAlgorithms]bool
}

// parseUsers reads a file in the format of htdigest, a user a line:
//
//	user:realm:HA1               MD5 with 32 hexadecimal digits, SHA-256 with 64
//	user:realm:HA1:SHA-512-256   or whatever algorithm is named
//	user:realm:plain:password    all algorithms; whoever reads the file knows the password
//
// A user may have a line for each algorithm. Empty lines and those that begin with # are passed over. The first line that is wrong
// is the error; it tells no secret.
func parseUsers(name string, text []byte) (*registry, Reading) {
	all, r := &registry{realms: map[string]map[string]entry{}}, Reading{}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		plain, err := all.add(line)
		if err != nil {
			return nil, Reading{Err: fmt.Errorf("%s:%d: %w", name, number, err)}
		}
		r.Users++
		if plain {
			r.Plain++
		}
	}
	return all, r
}

func (all *registry) add(line string) (plain bool, err error) {
	fields := strings.SplitN(line, ":", 4)
	if len(fields) < 3 || fields[0] == "" || fields[1] == "" {
		return false, fmt.Errorf("a user is written as user:realm:HA1")
	}
	user, realm, value, rest := fields[0], fields[1], fields[2], ""
	if len(user) > maxUser || len(realm) > maxRealm {
		return false, fmt.Errorf("a user has at most %d characters, a realm at most %d", maxUser, maxRealm)
	}
	if len(fields) == 4 {
		rest = fields[3]
	}
	users := all.realms[realm]
	if users == nil {
		users = map[string]entry{}
		all.realms[realm] = users
	}
	e := users[user]
	if value == "plain" {
		err = e.setPassword(user, realm, rest)
	} else {
		err = e.setHA1(user, realm, value, rest)
	}
	users[user] = e
	return value == "plain", err
}

func (e *entry) setPassword(user, realm, password string) error {
	if password == "" {
		return fmt.Errorf("%s of %s has an empty password", user, realm)
	}
	for a := range numAlgorithms {
		if err := e.set(user, realm, a, a.HA1Of(user, realm, password)); err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) setHA1(user, realm, value, name string) error {
	a := MD5
	if len(value) > 2*MD5.size() {
		a = SHA256
	}
	var err error
	if name != "" {
		if a, err = ParseAlgorithm(name); err != nil {
			return err
		}
	}
	ha1, err := a.ParseHA1(value)
	if err != nil {
		return err
	}
	return e.set(user, realm, a, ha1)
}

func (e *entry) set(user, realm string, a Algorithm, ha1 HA1) error {
	if e.has[a] {
		return fmt.Errorf("%s of %s has two lines for %s", user, realm, a)
	}
	e.ha1[a], e.has[a] = ha1, true
	return nil
}
