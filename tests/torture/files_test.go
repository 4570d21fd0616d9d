package torture

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// folder is a folder of TORTURE_DIR. Without it the test is skipped.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("TORTURE_DIR")
	if dir == "" {
		t.Skip("TORTURE_DIR does not say where the messages of RFC 4475 and RFC 5118 are")
	}
	return filepath.Join(dir, name)
}

// load reads one message.
func load(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// complete fails the test unless the rows and the files of the folder are the same.
func complete(t *testing.T, rows []row, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range rows {
		known[r.file] = true
	}
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".dat"); !known[name] {
			t.Errorf("there is a message %s and no row for it", name)
		}
	}
	if len(known) != len(entries) {
		t.Errorf("%d rows for %d messages", len(known), len(entries))
	}
}

var contentLength = regexp.MustCompile(`(?im)^(Content-Length: *)\d+`)

// trueLength is raw with the Content-Length that its body has: in the archive of RFC 5118 it was counted with other
// line ends than the files have.
func trueLength(raw []byte) []byte {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	head = contentLength.ReplaceAll(head, []byte("${1}"+strconv.Itoa(len(body))))
	return append(append(head, "\r\n\r\n"...), body...)
}
