package digest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// maxFile bounds a file of users; 100 000 of them are 6 MB.
const maxFile = 256 << 20 // bytes

// settled is how long a file must have been left alone before its time of change tells whether it has changed since.
const settled = 2 * time.Second

// FileConfig says which file, and how often it is looked at.
type FileConfig struct {
	Path  string
	Every time.Duration      // default 5 s
	Heard func(Reading)      // hears of each later reading that found something else, or failed; nil: nobody hears
	Ended func(e loop.Ended) // hears how the loop that watches the file has ended; nil: nobody hears
}

// Reading is what a reading of the file found.
type Reading struct {
	Users  int   // lines
	Plain  int   // of them with a password that everybody can read who has the file
	Others bool  // the file can be read or written by every user of the machine, and an HA1 is as good as a password
	Err    error // why it could not be read: the users of before stay
}

// File is Users of a file, which is read again when it has changed.
type File struct {
	cfg  FileConfig               // set once
	now  atomic.Pointer[registry] // never nil
	loop *loop.Handle             // set once
	was  os.FileInfo              // of the last reading; the loop's own
	sure bool                     // it tells; the loop's own
	sum  [sha256.Size]byte        // of what was read; the loop's own
	said string                   // the last error; the loop's own
}

// OpenFile reads the file and watches it. Reading is what it found; its Err is the error.
func OpenFile(cfg FileConfig) (*File, Reading, error) {
	if cfg.Every < 0 {
		return nil, Reading{}, errors.New("how often the file of users is looked at is not negative")
	}
	if cfg.Every == 0 {
		cfg.Every = 5 * time.Second
	}
	f := &File{cfg: cfg}
	r, _ := f.read(time.Now())
	if r.Err != nil {
		return nil, r, r.Err
	}
	f.loop = loop.Start("users of "+cfg.Path, f.watch, cfg.Ended)
	return f, r, nil
}

// Close ends the watching. The users stay.
func (f *File) Close() { f.loop.Stop() }

// Lookup knows all there is to know.
func (f *File) Lookup(user []byte, realm string, a Algorithm) (HA1, Found) {
	u, ok := f.now.Load().realms[realm][string(user)]
	if !ok || !u.has[a] {
		return HA1{}, Absent
	}
	return u.ha1[a], Present
}

var errKnown = errors.New("all that is known of a user stands in the file")

// Resolve is never needed.
func (f *File) Resolve(string, string, Algorithm, func()) error { return errKnown }

// Lacking is how many users of the realm have no HA1 of the algorithm: whoever offers it shuts them out, for a phone takes the
// first one that it knows.
func (f *File) Lacking(realm string, a Algorithm) (n int) {
	for _, u := range f.now.Load().realms[realm] {
		if !u.has[a] {
			n++
		}
	}
	return n
}

func (f *File) watch(stop <-chan struct{}) {
	tick := time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			f.look(time.Now())
		}
	}
}

// look reads the file again when it may have changed, and tells what is new.
func (f *File) look(now time.Time) {
	is, err := os.Stat(f.cfg.Path)
	if err == nil && f.sure && os.SameFile(f.was, is) && is.Size() == f.was.Size() && is.ModTime().Equal(f.was.ModTime()) {
		return
	}
	r, news := f.read(now)
	said := ""
	if r.Err != nil {
		said, news = r.Err.Error(), false
	}
	if (news || said != f.said) && f.cfg.Heard != nil {
		f.cfg.Heard(r)
	}
	f.said = said
}

// read publishes what the file has now. news is false when that is what it had before.
func (f *File) read(now time.Time) (r Reading, news bool) {
	f.sure = false
	file, err := os.OpenFile(f.cfg.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // not to hang on a named pipe
	if err != nil {
		return Reading{Err: err}, false
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return Reading{Err: err}, false
	}
	if !before.Mode().IsRegular() || before.Size() > maxFile {
		return Reading{Err: fmt.Errorf("%s is no ordinary file of at most %d bytes", f.cfg.Path, maxFile)}, false
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return Reading{Err: err}, false
	}
	sum := sha256.Sum256(text)
	f.was, f.sure = before, now.Sub(before.ModTime()) > settled
	all, r := parseUsers(f.cfg.Path, text)
	if r.Err != nil {
		return r, false
	}
	r.Others = before.Mode().Perm()&0o006 != 0
	news = f.sum != sum
	f.sum = sum
	f.now.Store(all)
	return r, news
}
