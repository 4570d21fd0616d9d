package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"go.yaml.in/yaml/v4"
)

const (
	fileVersion = 1
	fileMax     = 64 << 10 // bytes; 32 keys are 6 kB
)

// Two kinds of file are refused as they are; everything else wrong with one is a sentence of its own.
var (
	ErrOpenToOthers = errors.New("the key file is open to others")
	ErrDamaged      = errors.New("the key file is damaged")
)

// Read is the keys of the file at path, as seen now.
func Read(path string) (*Keys, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // not to hang on a named pipe
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFrom(f, path, time.Now())
}

func readFrom(f *os.File, path string, now time.Time) (*Keys, error) {
	src, err := readPrivate(f, path)
	if err != nil {
		return nil, err
	}
	return parse(path, src, now)
}

// readPrivate reads a file that its owner alone may have access to.
func readPrivate(f *os.File, path string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file", path)
	}
	if wide := info.Mode().Perm() &^ 0o600; wide != 0 {
		return nil, fmt.Errorf("%w: the mode of %s is %04o; run: chmod 600 %s", ErrOpenToOthers, path, info.Mode().Perm(), path)
	}
	src, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err != nil {
		return nil, err
	}
	if len(src) > fileMax {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrDamaged, path, fileMax)
	}
	return src, nil
}

// A cluster id goes into labels and into the file as it is, so it has neither blanks nor quotes.
var clusterSyntax = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func checkCluster(id string) error {
	if !clusterSyntax.MatchString(id) {
		return fmt.Errorf("%q is no cluster id; write 1 to 64 letters, digits, dots, dashes or underscores", id)
	}
	return nil
}

// parse reads a key file. Each error begins with name and, where one is known, the line.
func parse(name string, src []byte, now time.Time) (*Keys, error) {
	damaged := func(line int, err error) error {
		if line > 0 {
			return fmt.Errorf("%w: %s:%d: %w", ErrDamaged, name, line, err)
		}
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	var doc struct {
		Version int         `yaml:"version"`
		Cluster string      `yaml:"cluster"`
		Keys    []yaml.Node `yaml:"keys"`
	}
	if err := yaml.Load(src, &doc, yaml.WithKnownFields()); err != nil {
		return nil, damaged(plain(err))
	}
	if doc.Version != fileVersion {
		return nil, damaged(0, fmt.Errorf("its version is %d, this program reads version %d", doc.Version, fileVersion))
	}
	if err := checkCluster(doc.Cluster); err != nil {
		return nil, damaged(0, fmt.Errorf("cluster: %w", err))
	}
	var keys []*Key
	var seen [maxKeys]bool
	var purposeSeen [purposes]bool
	for i := range doc.Keys {
		n := &doc.Keys[i]
		k, err := parseKey(n)
		if err != nil {
			return nil, damaged(n.Line, err)
		}
		if seen[k.ID] {
			return nil, damaged(n.Line, fmt.Errorf("a second key with the id %d", k.ID))
		}
		if err := k.derive(doc.Cluster); err != nil {
			return nil, damaged(n.Line, err)
		}
		seen[k.ID], purposeSeen[k.Purpose] = true, true
		keys = append(keys, k)
	}
	for p, ok := range purposeSeen {
		if !ok {
			return nil, damaged(0, fmt.Errorf("it has no %s key", Purpose(p)))
		}
	}
	return newKeys(doc.Cluster, keys, now), nil
}

// entry is one key as the file has it.
type entry struct {
	ID      *int   `yaml:"id"`
	Purpose string `yaml:"purpose"`
	Created string `yaml:"created"`
	UseFrom string `yaml:"use_from"`
	Secret  string `yaml:"secret"`
}

func parseKey(n *yaml.Node) (*Key, error) {
	var e entry
	if err := n.Load(&e, yaml.WithKnownFields()); err != nil {
		_, err = plain(err)
		return nil, err
	}
	if e.ID == nil || *e.ID < 0 || *e.ID >= maxKeys {
		return nil, fmt.Errorf("the id of a key is a number from 0 to %d", maxKeys-1)
	}
	k := &Key{ID: uint8(*e.ID)}
	var err error
	if k.Purpose, err = ParsePurpose(e.Purpose); err != nil {
		return nil, fmt.Errorf("key %d: purpose: %w", k.ID, err)
	}
	if k.Created, err = parseTime(e.Created); err != nil {
		return nil, fmt.Errorf("key %d: created: %w", k.ID, err)
	}
	if k.UseFrom, err = parseTime(e.UseFrom); err != nil {
		return nil, fmt.Errorf("key %d: use_from: %w", k.ID, err)
	}
	k.secret, err = base64.StdEncoding.Strict().DecodeString(e.Secret)
	if err != nil || len(k.secret) != secretLen { // the value itself belongs in no log
		return nil, fmt.Errorf("key %d: secret: not the base64 of %d bytes", k.ID, secretLen)
	}
	return k, nil
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is no time; write it as 2006-01-02T15:04:05Z", s)
	}
	return t, nil
}

// plain takes the line out of an error of the YAML library; 0 when it knows none.
func plain(err error) (line int, _ error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return 0, err
	}
	return e.Mark.Line, errors.New(strings.TrimPrefix(e.Message, "yaml: "))
}

// format is the file that parse reads.
func format(cluster string, keys []*Key) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The keys of actorsip. Whoever has them can make and read its marks: keep this file secret (mode 0600).
# Every node of a cluster has the same file. Lost keys end the calls that are up; nothing else is lost.
# A key seals from use_from on, until the next one of its purpose does; it opens as long as it stands here.
# To change this file: actorsip keys rotate, actorsip keys retire.
version: %d
cluster: %q
keys:
`, fileVersion, cluster)
	for _, k := range keys {
		fmt.Fprintf(&b, `  - id: %d
    purpose: %s
    created: %s
    use_from: %s
    secret: %q
`, k.ID, k.Purpose, k.Created.UTC().Format(time.RFC3339), k.UseFrom.UTC().Format(time.RFC3339),
			base64.StdEncoding.EncodeToString(k.secret))
	}
	return b.Bytes()
}
