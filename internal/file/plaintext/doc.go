// Package plaintext reads the text out of documents: PDF, the Office formats of
// ISO/IEC 29500 (docx, xlsx, pptx) and of ISO/IEC 26300 (odt, ods, odp). It is
// for the search over uploaded files, through [Reader], and for the hidden
// command that is the child process, through [Main].
//
// Documents come from anybody and their formats are large: each is parsed in a
// process of its own, which package confine has taken rights away from, with
// limits on memory, processor time and what it may say.
//
// It guarantees that a document costs no more than its limits, whatever it
// holds, and that one that cannot be read is an error that says why. Layout,
// pictures and what is only drawn are lost; a scanned page has no text.
//
// Example:
//
//	reader := plaintext.NewReader(plaintext.Limits{}, "/usr/local/bin/craton", "plaintext")
//	text, err := reader.Text(ctx, "application/pdf", content)
package plaintext
