package plaintext_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/file/plaintext"
	"github.com/craton-ai/craton/internal/model"
)

// TestMain is the child process too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plaintext" {
		os.Exit(plaintext.Main(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func newReader() *plaintext.Reader {
	var limits plaintext.Limits
	if detecting {
		limits.Memory = 768 << 20 // the race detector takes more than what it watches
	}
	return plaintext.NewReader(limits, os.Args[0], "plaintext")
}

const (
	typePDF  = "application/pdf"
	typeDOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	typePPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	typeODT  = "application/vnd.oasis.opendocument.text"
)

// pdf is a document of one page with the given content, compressed, set in a
// font of one byte (F1), one of two bytes with its own codes (F2), and a form (X1).
func pdf(content string) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write([]byte(content))
	_ = z.Close()
	codes := "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n" +
		"2 beginbfchar <0001> <0413> <0002> <0443> endbfchar endcmap end"
	form := "BT /F1 10 Tf 50 100 Td (within a form) Tj ET"
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", append([]any{len(at)}, args...)...)
	}
	b.WriteString("%PDF-1.4\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Kids[3 0 R]/Count 1>>")
	object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R>>/XObject<</X1 9 0 R>>>>>>")
	object("<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream", packed.Len(), packed.String())
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding/FirstChar 32/LastChar 33/Widths[278 278]>>")
	object("<</Type/Font/Subtype/Type0/BaseFont/Own/Encoding/Identity-H/DescendantFonts[7 0 R]/ToUnicode 8 0 R>>")
	object("<</Type/Font/Subtype/CIDFontType2/BaseFont/Own/DW 500/W[1 [700] 2 2 600]>>")
	object("<</Length %d>>stream\n%s\nendstream", len(codes), codes)
	object("<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Length %d>>stream\n%s\nendstream", len(form), form)
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		data []byte
		want string
	}{
		"blanks made of moves": {typePDF, pdf("BT /F1 10 Tf 50 700 Td [(Deep)-300(la)20(kes)-280(are)] TJ 0 -12 Td (old) Tj 40 0 Td (lakes.) Tj 0 -40 Td (A new paragraph) ' ET"),
			"Deep lakes are\nold lakes.\n\nA new paragraph"},
		"codes of two bytes": {typePDF, pdf("q 1 0 0 1 10 10 cm BT /F2 10 Tf 50 700 Td <00010002> Tj 1 0 0 1 90 700 Tm <0002> Tj ET Q"), "Гу у"},
		"a form":             {typePDF, pdf("BT /F1 10 Tf 50 700 Td (before) Tj ET /X1 Do"), "before\n\nwithin a form"},
		"spacing of words":   {typePDF, pdf("BT /F1 10 Tf 12 TL 2 Tw 50 700 Td (one two) Tj 1 1 (three) \" ET"), "one two\nthree"},
		"paragraphs and tables": {typeDOCX, archive(t, map[string]string{
			"word/document.xml": `<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>The rent</w:t></w:r><w:r><w:t xml:space="preserve"> is due</w:t></w:r></w:p>` +
				`<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p></w:body></w:document>`,
			"word/footnotes.xml": `<w:footnotes xmlns:w="w"><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnotes>`}),
			"The rent is due\na b\nc\n\nA note."},
		"slides in order": {typePPTX, archive(t, map[string]string{
			"ppt/slides/slide10.xml": `<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>last</a:t></a:r></a:p></p:sld>`,
			"ppt/slides/slide2.xml":  `<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>first</a:t></a:r></a:p></p:sld>`}),
			"first\n\nlast"},
		"cells": {typeXLSX, archive(t, map[string]string{
			"xl/sharedStrings.xml":     `<sst><si><t>Item</t></si><si><r><t>Bo</t></r><r><t>lt</t></r></si></sst>`,
			"xl/worksheets/sheet1.xml": `<worksheet><sheetData><row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>Price</t></is></c></row><row><c t="s"><v>1</v></c><c><v>12.5</v></c></row></sheetData></worksheet>`}),
			"Item Price\nBolt 12.5"},
		"OpenDocument": {typeODT, archive(t, map[string]string{
			"content.xml": `<o:d xmlns:o="o" xmlns:t="t"><t:h>Title</t:h><t:p>One<t:s/><t:span>two</t:span></t:p><o:x>not this</o:x></o:d>`}),
			"Title\nOne two"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader()
			for range 2 { // the second time from the shelf
				got, err := r.Text(t.Context(), c.kind+"; charset=x", c.data)
				if got != c.want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, c.want)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		data []byte
		want string
	}{
		"another type":    {"image/png", []byte("x"), "cannot be read"},
		"not a PDF":       {typePDF, []byte("hello"), "cannot be read"},
		"a cut PDF":       {typePDF, pdf("BT ET")[:300], "cannot be read"},
		"a picture":       {typePDF, pdf("0 0 m 10 10 l S"), "hold no text"},
		"not an archive":  {typeDOCX, []byte("PK\x03\x04"), "cannot be read"},
		"another archive": {typeDOCX, archive(t, map[string]string{"a": "b"}), "no content where its type has it"},
		"broken XML":      {typeDOCX, archive(t, map[string]string{"word/document.xml": "<w><p>"}), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newReader().Text(t.Context(), c.kind, c.data)
			e := model.AsError(err)
			if e == nil || !strings.Contains(e.Public(), c.want) || e.Kind != model.Invalid && e.Kind != model.TooLarge {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEnough reads no more of a document than a search could use.
func TestEnough(t *testing.T) {
	t.Parallel()
	if detecting {
		t.Skip("the race detector does not leave the child enough memory")
	}
	words := strings.Repeat("wörd ", 8<<20/6*4) // one piece, above what the server takes of a child
	got, err := newReader().Text(t.Context(), typeDOCX, archive(t, map[string]string{"word/document.xml": "<w><p><t>" + words + "</t></p><p><t>" + words + "</t></p></w>"}))
	if err != nil || len(got) < plaintext.MaxText-2 || len(got) > plaintext.MaxText || !utf8.ValidString(got) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newReader().Text(ctx, typePDF, pdf("BT ET")); model.AsError(err).Kind != model.Canceled {
		t.Errorf("got %v", err)
	}
}

// TestBomb: a document that unpacks to more than the child may hold ends the
// child, not the server.
func TestBomb(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("xl/sharedStrings.xml")
	if err != nil {
		t.Fatal(err)
	}
	part := bytes.Repeat([]byte("x"), 16<<20)
	_, _ = w.Write([]byte("<sst><si><t>"))
	for range 10 {
		_, _ = w.Write(part)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := plaintext.NewReader(plaintext.Limits{Memory: 128 << 20}, os.Args[0], "plaintext")
	_, err = r.Text(t.Context(), typeXLSX, b.Bytes())
	if e := model.AsError(err); e == nil || e.Kind != model.TooLarge || !strings.Contains(e.Public(), "too much memory") {
		t.Errorf("got %v", err)
	}
}

// TestChildrenAtOnce holds back readers that would be one too many.
func TestChildrenAtOnce(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 1, 3} {
		r := plaintext.NewReader(plaintext.Limits{Children: most}, os.Args[0], "plaintext")
		if got, want := r.AtOnce(), cmp.Or(most, plaintext.DefaultChildren); got != want {
			t.Errorf("%d children read at once, want %d", got, want)
		}
	}
	if worst := plaintext.DefaultChildren * plaintext.DefaultMemory; worst > 640<<20 {
		t.Errorf("the children hold up to %d MiB", worst>>20)
	}
}
