// Package provider holds what every HTTP upstream needs and none is about:
// its configuration, a key that cannot be printed, and a client whose timeouts
// know streaming, whose bodies are bounded, whose errors are model errors
// without secrets, and whose requests carry the header that finds loops.
//
// An upstream kind is a package below: transport (this package's [Client]),
// authentication, quirks as data, and a wire codec. provider/all lists the
// kinds.
//
// Guarantees: a key never appears in an error, a log or a formatted value; a
// cancelled call releases its connection at once.
//
//	p, err := all.New(provider.Config{
//		Name: "local", Kind: "openai", BaseURL: "http://127.0.0.1:11434/v1",
//		APIKey: provider.StaticKey(os.Getenv("LOCAL_KEY")),
//	})
package provider
