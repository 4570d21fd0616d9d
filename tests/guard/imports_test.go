package guard

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the packages from top to bottom: each imports from the floors below, none from its own.
var floors = [][]string{
	{"cmd/actorsip"},
	{"system"},
	{"actors/leg", "actors/contact", "actors/screen", "actors/authority", "actors/registrar", "actors/router", "actors/mediasession", "actors/remote"},
	{"message", "room", "rules", "digest", "location"},
	{"target", "keyring", "relay", "journal", "sdpwire", "telemetry", "stream", "limit", "cluster"},
	{"etcd", "boltfile"},
	{"loop", "sipwire", "rtpwire", "actors/remote/wire"},
}

// props are packages of tests/ that tests on every floor may use, as they know nothing of the house above keyring.
var props = []string{"tests/ua", "tests/stage", "tests/server"}

// floorOf is the number of a package's floor from the top, -1 for one that has none.
func floorOf(dir string) int {
	return slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, dir) })
}

// doors are the libraries and the folders that may import them. A library that is a tool of tests as well may be
// imported by any test.
var doors = []struct {
	library string
	dirs    []string
	tests   bool
}{
	{"github.com/asynkron/protoactor-go", []string{"message", "room", "actors", "system", "cluster"}, false},
	{"github.com/miekg/dns", []string{"target"}, true},
	{"github.com/emiago/sipgo", []string{"sipwire"}, true},
	{"github.com/pion/sdp/v3", nil, true},
	{"github.com/chromedp/chromedp", nil, true},
	{"github.com/cespare/xxhash/v2", []string{"actors/leg", "actors/router", "actors/mediasession", "system"}, false},
	{"go.etcd.io/bbolt", []string{"boltfile", "journal", "location"}, true},
	{"go.opentelemetry.io", []string{"telemetry"}, true},
	{"github.com/prometheus/client_golang", []string{"telemetry"}, true},
	{"google.golang.org", nil, true},
	{"google.golang.org/grpc", []string{"cluster", "etcd"}, true},
	{"google.golang.org/protobuf", []string{"cluster", "actors/remote", "system"}, true},
	{"go.etcd.io/etcd", []string{"cluster", "etcd"}, true},
	{"go.uber.org/zap", []string{"cluster", "etcd"}, true},
	{"github.com/chromedp", nil, true},
	{"go.yaml.in/yaml/v4", []string{"system", "keyring"}, false},
	{"golang.org/x/sys", []string{"actors/leg", "relay", "stream", "tests/bench"}, true},
	{"github.com/gobwas/ws", []string{"stream"}, true},
}

func imports(s source) (paths []string) {
	for _, i := range s.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		from := floorOf(s.dir())
		switch {
		case from >= 0:
		case slices.Contains(props, s.dir()):
			from = floorOf("keyring")
		case strings.HasPrefix(s.path, "tests/"):
			continue
		default:
			t.Errorf("%s: the package has no floor: put it into floors in tests/guard/imports_test.go and into ARCHITECTURE.md", s.path)
			continue
		}
		for _, path := range imports(s) {
			dir, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			to := floorOf(dir)
			own := strings.HasPrefix(dir, s.dir()+"/") // what the room says to others of its kind on other nodes
			switch bothRooms := strings.HasPrefix(dir, "actors/") && strings.HasPrefix(s.path, "actors/") && !own; {
			case bothRooms:
				t.Errorf("%s imports %s: rooms know one another by Next, which system fills in", s.path, dir)
			case !s.isTest() && to <= from:
				t.Errorf("%s imports %s, which is not below it: hand it in from above, or move what both need further down", s.path, dir)
			case s.isTest() && slices.Contains(props, dir):
			case s.isTest() && to < from:
				t.Errorf("%s imports %s, which is above it: a test that needs the whole system belongs in tests/", s.path, dir)
			}
		}
	}
}

func TestEachLibraryHasOneDoor(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range imports(s) {
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") || strings.HasPrefix(path, module) {
				continue
			}
			allowed, known := false, false
			for _, d := range doors {
				if path != d.library && !strings.HasPrefix(path, d.library+"/") {
					continue
				}
				known = true
				allowed = d.tests && s.isTest() || slices.ContainsFunc(d.dirs, func(dir string) bool { return strings.HasPrefix(s.path, dir+"/") })
			}
			switch {
			case !known:
				t.Errorf("%s imports %s, which has no door: say in doors of tests/guard/imports_test.go which package it may enter by", s.path, path)
			case !allowed:
				t.Errorf("%s imports %s: that library enters by another package, use what that one offers", s.path, path)
			}
		}
	}
}

// The drawing of ARCHITECTURE.md has a line for each floor; what is in parentheses is for people.
func TestTheFloorsAreDrawn(t *testing.T) {
	want := ""
	for _, floor := range floors {
		want += strings.Join(floor, " ") + "\n"
	}
	for _, block := range fenced(read(t, "ARCHITECTURE.md"), "") {
		if !strings.HasPrefix(block, floors[0][0]) {
			continue
		}
		got := ""
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "(")
			got += strings.Join(strings.Fields(line), " ") + "\n"
		}
		if got != want {
			t.Errorf("ARCHITECTURE.md draws the floors\n%s\nbut tests/guard/imports_test.go has\n%s\nMake them equal.", got, want)
		}
		return
	}
	t.Errorf("ARCHITECTURE.md has no drawing that begins with %s: draw who may import whom, a line for each floor", floors[0][0])
}
