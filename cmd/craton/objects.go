package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// objectsCommand works on the tenant's object space by its S3 interface.
type objectsCommand struct {
	Mb  objectsMb  `cmd:"" help:"Make a bucket."`
	Ls  objectsLs  `cmd:"" help:"List buckets, or the objects under an s3:// address."`
	Put objectsPut `cmd:"" help:"Store a file."`
	Get objectsGet `cmd:"" help:"Fetch an object."`
	Rm  objectsRm  `cmd:"" help:"Remove an object."`
	Rb  objectsRb  `cmd:"" help:"Remove an empty bucket."`
}

// address is an s3://BUCKET/KEY argument.
type address string

// path is the address as the server's path.
func (a address) path() (bucket, key, path string, err error) {
	rest, ok := strings.CutPrefix(string(a), "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", "", fmt.Errorf("%q is not an s3://BUCKET/KEY address", a)
	}
	return bucket, key, "/aws/s3/" + url.PathEscape(bucket) + "/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/"), nil
}

// object is the path of an address that must name an object: without a key the
// same request would mean the bucket.
func (a address) object(hint string) (path string, err error) {
	bucket, key, path, err := a.path()
	if err == nil && key == "" {
		return "", fmt.Errorf("s3://%s names a bucket, not an object%s", bucket, hint)
	}
	return path, err
}

// in completes an address that ends as a directory does, or names only a
// bucket, by a file's name.
func (a address) in(file string) (address, error) {
	bucket, key, _, err := a.path()
	switch {
	case err != nil:
		return "", err
	case key == "":
		return address("s3://" + bucket + "/" + filepath.Base(file)), nil
	case strings.HasSuffix(key, "/"):
		return a + address(filepath.Base(file)), nil
	}
	return a, nil
}

// object makes a request to the object space.
func (s remote) object(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := s.request(ctx, method, path, nil)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Body = io.NopCloser(body)
		if f, ok := body.(*os.File); ok {
			info, err := f.Stat()
			if err != nil {
				return nil, err
			}
			req.ContentLength = info.Size()
		}
	}
	resp, err := s.send(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var e struct{ Code, Message string }
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && xml.Unmarshal(raw, &e) == nil && e.Message != "" {
		return nil, fmt.Errorf("%s (%s)", e.Message, e.Code)
	}
	return nil, fmt.Errorf("the server answered %s", resp.Status)
}

type objectsMb struct {
	remote
	Address address `arg:"" help:"s3://BUCKET"`
}

// Run makes the bucket.
func (c objectsMb) Run(ctx context.Context, s streams) error {
	bucket, _, path, err := c.Address.path()
	if err != nil {
		return err
	}
	resp, err := c.object(ctx, http.MethodPut, strings.TrimSuffix(path, "/"), nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "s3://%s is made.\n", bucket)
	return errors.Join(err, resp.Body.Close())
}

type objectsLs struct {
	remote
	Address address `arg:"" optional:"" help:"s3://BUCKET[/PREFIX]; without it, buckets."`
}

// Run lists buckets or objects.
func (c objectsLs) Run(ctx context.Context, s streams) error {
	if c.Address == "" {
		return c.buckets(ctx, s)
	}
	bucket, prefix, _, err := c.Address.path()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for token := ""; ; {
		var page struct {
			IsTruncated           bool
			NextContinuationToken string
			Contents              []struct {
				Key          string
				Size         int64
				LastModified string
			}
		}
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			query.Set("continuation-token", token)
		}
		if err := c.xml(ctx, "/aws/s3/"+url.PathEscape(bucket)+"?"+query.Encode(), &page); err != nil {
			return err
		}
		for _, o := range page.Contents {
			fmt.Fprintf(w, "%s\t%d\ts3://%s/%s\n", o.LastModified, o.Size, bucket, o.Key)
		}
		if token = page.NextContinuationToken; !page.IsTruncated {
			return w.Flush()
		}
	}
}

func (c objectsLs) buckets(ctx context.Context, s streams) error {
	var all struct {
		Buckets []struct{ Name, CreationDate string } `xml:"Buckets>Bucket"`
	}
	if err := c.xml(ctx, "/aws/s3/", &all); err != nil {
		return err
	}
	for _, b := range all.Buckets {
		fmt.Fprintf(s.out, "%s  s3://%s\n", b.CreationDate, b.Name)
	}
	return nil
}

func (c objectsLs) xml(ctx context.Context, path string, out any) error {
	resp, err := c.object(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return xml.NewDecoder(bytes.NewReader(raw)).Decode(out)
}

type objectsPut struct {
	remote
	File    string  `arg:"" type:"existingfile" help:"File to store."`
	Address address `arg:"" help:"s3://BUCKET/KEY; without a key, or ending in /, the file's name is added."`
}

// Run stores the file.
func (c objectsPut) Run(ctx context.Context, s streams) error {
	to, err := c.Address.in(c.File)
	if err != nil {
		return err
	}
	path, err := to.object("")
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	resp, err := c.object(ctx, http.MethodPut, path, f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is stored.\n", to)
	return errors.Join(err, resp.Body.Close())
}

type objectsGet struct {
	remote
	Address address `arg:"" help:"s3://BUCKET/KEY"`
	File    string  `arg:"" optional:"" help:"File to write; without it, standard output."`
}

// Run fetches the object.
func (c objectsGet) Run(ctx context.Context, s streams) error {
	path, err := c.Address.object(": `craton objects ls` lists what is in it")
	if err != nil {
		return err
	}
	resp, err := c.object(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.File == "" {
		_, err = io.Copy(s.out, resp.Body)
		return err
	}
	f, err := os.Create(c.File)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, resp.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.err, "%s is written, %d bytes.\n", c.File, n)
	return err
}

type objectsRm struct {
	remote
	Address address `arg:"" help:"s3://BUCKET/KEY"`
}

// Run removes the object.
func (c objectsRm) Run(ctx context.Context, s streams) error {
	path, err := c.Address.object(": `craton objects rb` removes a bucket")
	if err != nil {
		return err
	}
	resp, err := c.object(ctx, http.MethodDelete, path, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is removed.\n", c.Address)
	return errors.Join(err, resp.Body.Close())
}

type objectsRb struct {
	remote
	Address address `arg:"" help:"s3://BUCKET"`
}

// Run removes the bucket, which must be empty.
func (c objectsRb) Run(ctx context.Context, s streams) error {
	bucket, key, path, err := c.Address.path()
	if err != nil {
		return err
	}
	if key != "" {
		return fmt.Errorf("%s names an object: `craton objects rm` removes it", c.Address)
	}
	resp, err := c.object(ctx, http.MethodDelete, strings.TrimSuffix(path, "/"), nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "s3://%s is removed.\n", bucket)
	return errors.Join(err, resp.Body.Close())
}
