//go:build !unix

package plain

// supported says that an idle connection can be looked at. Without that,
// requests would be lost on connections the upstream has closed.
const supported = false

func (c *conn) stale() bool { return true }
