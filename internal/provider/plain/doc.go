// Package plain is an HTTP/1.1 client for upstreams on plain http, which are
// model servers on the same machine or network. It is for package provider,
// whose calls are many, short of headers and long of body.
//
// net/http's transport keeps two goroutines with their buffers for each
// connection and hands every request and answer between three of them. Here
// the caller writes and reads the connection itself, which halves what a call
// costs and what an open stream holds. Answers are parsed by net/http, but for
// the header of an ordinary whole one.
//
// Guarantees: what is not plain HTTP/1.1 without a proxy goes to another
// transport; a request is sent again only where none of it was written, or,
// as in net/http, where repeating it is harmless; a connection is used again
// only after a whole answer with nothing behind it; the end of the request's
// context closes its connection at once. Trailers are ignored.
//
//	t := plain.New(plain.Config{FirstByte: time.Minute, Else: http.DefaultTransport.(*http.Transport)})
//	defer t.CloseIdleConnections()
//	resp, err := t.RoundTrip(req)
package plain
