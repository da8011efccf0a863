package machineconfig

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// The files of OKD's page "Using SCTP".
const (
	Blacklist = "/etc/modprobe.d/sctp-blacklist.conf"
	AtBoot    = "/etc/modules-load.d/sctp-load.conf"
)

// Mode is the mode that both have, as the page has it.
const Mode = 0o644

// contents are the bytes of a file of an Ignition config: what its data URL says, which may
// be compressed. Nothing is fetched.
func (f File) contents() ([]byte, error) {
	if f.Contents.Source == nil {
		return nil, nil
	}
	raw, err := dataURL(*f.Contents.Source)
	if err != nil || f.Contents.Compression == "" {
		return raw, err
	}
	if f.Contents.Compression != "gzip" {
		return nil, fmt.Errorf("compression %q", f.Contents.Compression)
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// dataURL reads a URL of scheme data (RFC 2397). An empty source is an empty file.
func dataURL(source string) ([]byte, error) {
	if source == "" {
		return nil, nil
	}
	rest, ok := strings.CutPrefix(source, "data:")
	if !ok {
		return nil, fmt.Errorf("the contents are elsewhere, at %s", source)
	}
	kind, data, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, errors.New("a data URL without a comma")
	}
	text, err := url.PathUnescape(data)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(kind, ";base64") {
		return base64.StdEncoding.DecodeString(text)
	}
	return []byte(text), nil
}

// words are the lines of a file that mean something to modprobe.d(5) and modules-load.d(5),
// each as its words.
func words(content []byte) [][]string {
	var out [][]string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' {
			out = append(out, strings.Fields(line))
		}
	}
	return out
}

// forbids says whether the lines of a file of modprobe.d keep sctp from being loaded.
func forbids(content []byte) bool {
	for _, w := range words(content) {
		if len(w) > 1 && (w[0] == "blacklist" || w[0] == "install") && w[1] == "sctp" {
			return true
		}
	}
	return false
}

// loads says whether the lines of a file of modules-load.d have sctp loaded.
func loads(content []byte) bool {
	for _, w := range words(content) {
		if len(w) == 1 && w[0] == "sctp" {
			return true
		}
	}
	return false
}

// enables says whether a config does what the page's does, in whichever words: no line of
// the blacklist forbids sctp and it is loaded at boot. The files' contents count, not how
// their URLs are written.
func (i Ignition) enables() bool {
	blacklist, boot := i.file(Blacklist), i.file(AtBoot)
	if blacklist == nil || boot == nil {
		return false
	}
	first, err1 := blacklist.contents()
	second, err2 := boot.contents()
	return err1 == nil && err2 == nil && !forbids(first) && loads(second)
}
