package sigv4

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
)

// checksumHeader is the prefix of the headers and trailers that carry one of
// S3's additional checksums in base64.
const checksumHeader = "x-amz-checksum-"

// digests computes the checksums that may follow in trailers. Which one comes
// is announced in x-amz-trailer; only announced ones are computed.
type digests struct{ sums map[string]hash.Hash }

// NewChecksum returns the hash for an additional checksum by the lower-case
// name of its header or trailer ("x-amz-checksum-crc32"), nil for unknown
// names. Its sum in standard base64 is the header's value. Trailers are checked
// by the reader of Result.Reader; headers are up to the caller.
func NewChecksum(name string) hash.Hash {
	switch name {
	case checksumHeader + "crc32":
		return crc32.NewIEEE()
	case checksumHeader + "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case checksumHeader + "crc64nvme":
		// The polynomial of the NVM Express specification, bit-reversed.
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case checksumHeader + "sha1":
		return sha1.New()
	case checksumHeader + "sha256":
		return sha256.New()
	}
	return nil
}

// announce prepares the checksums listed in an x-amz-trailer header.
func (d *digests) announce(list string) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if h := NewChecksum(name); h != nil {
			if d.sums == nil {
				d.sums = map[string]hash.Hash{}
			}
			d.sums[name] = h
		}
	}
}

func (d *digests) write(b []byte) {
	for _, h := range d.sums {
		h.Write(b)
	}
}

// match reports whether every announced checksum came and fits, and no
// checksum came unannounced.
func (d *digests) match(trailers map[string]string) bool {
	for name, h := range d.sums {
		if trailers[name] != base64.StdEncoding.EncodeToString(h.Sum(nil)) {
			return false
		}
	}
	for name := range trailers {
		if _, ok := d.sums[name]; !ok && NewChecksum(name) != nil {
			return false
		}
	}
	return true
}
