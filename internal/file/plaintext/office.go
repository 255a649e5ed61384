package plaintext

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// parts are the files within a document that hold text, in reading order.
func parts(data []byte, patterns ...string) ([]*zip.File, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var found []*zip.File
	for _, pattern := range patterns {
		var same []*zip.File
		for _, f := range archive.File {
			if ok, _ := path.Match(pattern, f.Name); ok {
				same = append(same, f)
			}
		}
		slices.SortStableFunc(same, func(a, b *zip.File) int { return cmp.Compare(number(a.Name), number(b.Name)) })
		found = append(found, same...)
	}
	if len(found) == 0 {
		return nil, errors.New("the document has no content where its type has it")
	}
	return found, nil
}

// number is the number at the end of a part's name: "ppt/slides/slide12.xml".
func number(name string) int {
	name = strings.TrimSuffix(name, path.Ext(name))
	digits := strings.TrimLeft(name[strings.LastIndexFunc(name, func(r rune) bool { return r < '0' || r > '9' })+1:], "0")
	n, _ := strconv.Atoi(digits)
	return n
}

// tokens calls fn for each XML token of a part.
func tokens(f *zip.File, fn func(xml.Token)) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		fn(token)
	}
}

// readOffice reads word processors' documents, slides with their notes, and
// OpenDocument files.
func readOffice(data []byte, out *page) error {
	list, err := parts(data, "word/document.xml", "word/footnotes.xml", "word/endnotes.xml",
		"ppt/slides/slide*.xml", "ppt/notesSlides/notesSlide*.xml", "content.xml")
	if err != nil {
		return err
	}
	for _, f := range list {
		out.space(paragraph)
		within := 0
		// OpenDocument has text in paragraphs, the others in runs of them.
		text := func(name string) bool { return name == "t" || f.Name == "content.xml" && (name == "p" || name == "h") }
		err := tokens(f, func(token xml.Token) {
			switch token := token.(type) {
			case xml.StartElement:
				if text(token.Name.Local) {
					within++
				}
				out.space(gapAt(token.Name.Local, false))
			case xml.EndElement:
				if text(token.Name.Local) {
					within--
				}
				out.space(gapAt(token.Name.Local, true))
			case xml.CharData:
				if within > 0 {
					out.write(string(token))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gapAt is what an element stands for between words.
func gapAt(name string, end bool) gap {
	switch name {
	case "tab", "s", "tc", "table-cell":
		return blank
	case "br", "cr", "line-break", "tr", "table-row":
		return line
	case "p", "h":
		if end {
			return line
		}
	}
	return none
}

// readSheets reads spreadsheets of ISO/IEC 29500: a line for each row.
func readSheets(data []byte, out *page) error {
	list, err := parts(data, "xl/sharedStrings.xml", "xl/worksheets/sheet*.xml")
	if err != nil {
		return err
	}
	var shared []string
	for _, f := range list {
		if strings.HasSuffix(f.Name, "sharedStrings.xml") {
			shared, err = sharedStrings(f)
		} else {
			out.space(paragraph)
			err = readSheet(f, shared, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sharedStrings are the texts that cells name by number.
func sharedStrings(f *zip.File) (list []string, err error) {
	var item strings.Builder
	within := 0
	err = tokens(f, func(token xml.Token) {
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "t" {
				within++
			}
		case xml.EndElement:
			switch token.Name.Local {
			case "t":
				within--
			case "si":
				list = append(list, item.String())
				item.Reset()
			}
		case xml.CharData:
			if within > 0 {
				item.Write(token)
			}
		}
	})
	return list, err
}

func readSheet(f *zip.File, shared []string, out *page) error {
	kind, within := "", false
	return tokens(f, func(token xml.Token) {
		switch token := token.(type) {
		case xml.StartElement:
			switch token.Name.Local {
			case "c":
				kind = ""
				for _, a := range token.Attr {
					if a.Name.Local == "t" {
						kind = a.Value
					}
				}
			case "v", "t":
				within = true
			}
		case xml.EndElement:
			switch token.Name.Local {
			case "v", "t":
				within = false
			case "c":
				out.space(blank)
			case "row":
				out.space(line)
			}
		case xml.CharData:
			if !within {
				return
			}
			text := string(token)
			if n, err := strconv.Atoi(text); kind == "s" && err == nil && n >= 0 && n < len(shared) {
				text = shared[n]
			}
			out.write(text)
		}
	})
}
