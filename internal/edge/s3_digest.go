package edge

import (
	"crypto/md5"
	"encoding/base64"
	"hash"
	"io"
	"strings"

	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/model"
)

// digest is one sum of the body that the client stated in a header.
type digest struct {
	header string
	want   string
	sum    hash.Hash
}

// upload wraps the body so that the sums stated in headers are checked before
// the object appears. Those in trailers are the signature's business.
func (s *s3Call) upload() (io.Reader, func() error, error) {
	stated, err := s.stated()
	if err != nil || len(stated) == 0 {
		return s.content(), nil, err
	}
	sums := make([]io.Writer, len(stated))
	for i, d := range stated {
		sums[i] = d.sum
	}
	return io.TeeReader(s.content(), io.MultiWriter(sums...)), func() error {
		for _, d := range stated {
			if string(d.sum.Sum(nil)) != d.want {
				return model.Errorf(model.Invalid, badDigest, "The %s you specified did not match what we received.", d.header)
			}
		}
		return nil
	}, nil
}

// stated lists Content-MD5 and the additional checksums of the request.
func (s *s3Call) stated() ([]digest, error) {
	var all []digest
	for name, values := range s.r.Header {
		sum := sigv4.NewChecksum(strings.ToLower(name))
		if name == "Content-Md5" {
			sum = md5.New()
		}
		if sum == nil {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(want) != sum.Size() {
			return nil, model.Errorf(model.Invalid, "InvalidDigest", "The %s you specified is not valid.", name)
		}
		all = append(all, digest{header: name, want: string(want), sum: sum})
	}
	return all, nil
}
