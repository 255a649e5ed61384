package plaintext

import (
	"errors"
	"fmt"
	"mime"
	"strings"
)

// MaxText is how many bytes of text are read out of one document; what is
// behind them is left out.
const MaxText = 16 << 20

// formats are the readers of each media type. They are called in the child only,
// and may panic.
var formats = map[string]func(data []byte, out *page) error{
	"application/pdf": readPDF,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   readOffice,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": readOffice,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         readSheets,
	"application/vnd.oasis.opendocument.text":                                   readOffice,
	"application/vnd.oasis.opendocument.spreadsheet":                            readOffice,
	"application/vnd.oasis.opendocument.presentation":                           readOffice,
}

// Reads reports whether documents of a media type can be read. Its parameters
// do not matter.
func Reads(kind string) bool {
	kind, _, _ = mime.ParseMediaType(kind)
	return formats[kind] != nil
}

var errFull = errors.New("plaintext: enough was read")

// extract reads the text out of a document in this process.
func extract(kind string, data []byte) (text string, err error) {
	out := &page{}
	defer func() {
		if e := recover(); e != nil && e != any(errFull) {
			err = fmt.Errorf("the document is damaged: %v", e)
		}
		if text = out.text(); text != "" {
			err = nil // what could be read is better than nothing
		}
	}()
	kind, _, _ = mime.ParseMediaType(kind)
	read := formats[kind]
	if read == nil {
		return "", fmt.Errorf("documents of the type %q cannot be read", kind)
	}
	return "", read(data, out)
}

// page takes text piece by piece. White space is one blank, or one or two ends
// of a line.
type page struct {
	b strings.Builder
	// gap is what stands before the next piece: nothing, a blank, the end of a
	// line or of a paragraph.
	gap gap
}

type gap int

const (
	none gap = iota
	blank
	line
	paragraph
)

// space widens the gap before what comes next.
func (p *page) space(g gap) { p.gap = max(p.gap, g) }

// write adds text. It panics with errFull when there is enough.
func (p *page) write(s string) {
	for field := range strings.FieldsSeq(s) {
		if strings.HasPrefix(s, field) {
			s = s[len(field):]
		} else {
			p.space(blank)
			s = s[strings.Index(s, field)+len(field):]
		}
		if p.b.Len() > 0 {
			p.b.WriteString([...]string{"", " ", "\n", "\n\n"}[p.gap])
		}
		p.b.WriteString(strings.ToValidUTF8(field, "\uFFFD"))
		p.gap = none
	}
	if s != "" {
		p.space(blank)
	}
	if p.b.Len() > MaxText {
		panic(errFull)
	}
}

func (p *page) text() string { return p.b.String() }
