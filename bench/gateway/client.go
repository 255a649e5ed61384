package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"time"
)

// client is one keep-alive connection. It reads HTTP/1.1 by hand, because the
// load generator shares the machine with what it measures.
type client struct {
	addr    string
	request []byte
	conn    net.Conn
	in      *bufio.Reader
}

// reply is what one request came to.
type reply struct {
	// first is the time to the first byte of model text, total that to the end.
	first, total time.Duration
	// tokens counts the marks of model text.
	tokens int
}

// httpRequest writes a request for the wire.
func httpRequest(addr, path string, headers map[string]string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, addr, len(body))
	for name, value := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// do sends the request once and reads the whole answer. After an error the
// next call dials again. firstToken, if not nil, is called at the first token.
func (c *client) do(timeout time.Duration, firstToken func()) (r reply, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			return r, err
		}
		c.in = bufio.NewReaderSize(c.conn, 16<<10)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	start := time.Now()
	if err := c.conn.SetDeadline(start.Add(timeout)); err != nil {
		return r, err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return r, err
	}
	err = c.answer(func(p []byte) {
		n := bytes.Count(p, []byte{mark})
		if n > 0 && r.tokens == 0 {
			r.first = time.Since(start)
			if firstToken != nil {
				firstToken()
			}
		}
		r.tokens += n
	})
	r.total = time.Since(start)
	if err == nil && r.tokens == 0 {
		err = errors.New("the answer holds no text of the model")
	}
	return r, err
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is left to be lost
		c.conn = nil
	}
}

// answer reads one response and hands its body on piece by piece.
func (c *client) answer(body func([]byte)) error {
	status, length, chunked, last, err := c.head()
	if err != nil {
		return err
	}
	if status != 200 {
		excerpt := make([]byte, 300)
		n, _ := io.ReadAtLeast(c.in, excerpt, min(max(length, 1), 300)) // only for the message
		return fmt.Errorf("status %d: %s", status, excerpt[:n])
	}
	switch {
	case chunked:
		for size := -1; size != 0; {
			if size, err = c.chunkSize(); err != nil {
				return err
			}
			if err := c.take(size, body); err != nil {
				return err
			}
			if _, err := c.in.Discard(2); err != nil {
				return err
			}
		}
	case length >= 0:
		if err := c.take(length, body); err != nil {
			return err
		}
	default:
		return errors.New("the answer has neither a length nor chunks")
	}
	if last {
		c.close()
	}
	return nil
}

// head reads the status line and the headers that frame the body.
func (c *client) head() (status, length int, chunked, last bool, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, false, false, err
	}
	if len(line) < 12 {
		return 0, 0, false, false, fmt.Errorf("not HTTP: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, false, false, err
	}
	length = -1
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, 0, false, false, err
		}
		line = textproto.TrimBytes(line)
		if len(line) == 0 {
			return status, length, chunked, last, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = textproto.TrimBytes(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, false, false, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			last = bytes.EqualFold(value, []byte("close"))
		}
	}
}

func (c *client) chunkSize() (int, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	digits, _, _ := bytes.Cut(textproto.TrimBytes(line), []byte(";"))
	n, err := strconv.ParseInt(string(digits), 16, 32)
	return int(n), err
}

// take reads n bytes, handing on what has come so far.
func (c *client) take(n int, body func([]byte)) error {
	for n > 0 {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return err
			}
		}
		p, err := c.in.Peek(min(n, c.in.Buffered()))
		if err != nil {
			return err
		}
		body(p)
		if _, err := c.in.Discard(len(p)); err != nil {
			return err
		}
		n -= len(p)
	}
	return nil
}
