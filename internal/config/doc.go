// Package config reads Craton's one configuration document.
//
// It is for the command line, which turns flags, the environment and the file
// into one [Config]. The file is strict YAML: an unknown field is an error.
// Errors name the file, the line and the field, those of validation too;
// [Config.At] lets callers that find one later say the same. [Load] returns a complete, validated configuration or
// an error; it never returns half of one, so that a reload can validate all
// and then swap.
//
//	cfg, err := config.Load("craton.yaml", os.Getenv)
//
// A value that is secret is never in the document itself: a [Secret] names an
// environment variable or a file.
package config
