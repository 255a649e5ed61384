package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/aws/contract/table"
)

const smallModel = `{"version":"2.0","metadata":{"apiVersion":"2026-01-01","endpointPrefix":"small","protocol":"rest-json","serviceId":"Small","signatureVersion":"v4","auth":["aws.auth#sigv4","smithy.api#httpBearerAuth"]},
"operations":{"Get":{"name":"Get","http":{"method":"GET","requestUri":"/get/{id}","responseCode":202},"input":{"shape":"In"},"errors":[{"shape":"Oops"}],"documentation":"<p>secret prose</p>"}},
"shapes":{"In":{"type":"structure","required":["id"],"members":{"zeta":{"shape":"Text"},"id":{"shape":"Text","location":"uri","locationName":"id"}}},
"Text":{"type":"string","min":1,"max":5,"pattern":"[a-z]+","documentation":"more prose","sensitive":true},
"Oops":{"type":"structure","members":{"message":{"shape":"Text"}},"exception":true,"error":{"httpStatusCode":418}}}}`

func TestConvert(t *testing.T) {
	t.Parallel()
	tab, err := convert([]byte(smallModel), "test 1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := table.Write(tab)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":1,"source":"test 1","name":"small","id":"Small","apiVersion":"2026-01-01","signingName":"small","bearer":true,
"operations":[
{"n":"Get","m":"GET","u":"/get/{id}","s":202,"i":"In","e":["Oops"]}],
"shapes":[
{"n":"In","t":"structure","m":[{"n":"zeta","s":"Text"},{"n":"id","s":"Text","l":"uri","r":true}]},
{"n":"Oops","t":"structure","m":[{"n":"message","s":"Text"}],"st":418,"f":"x"},
{"n":"Text","t":"string","min":1,"max":5,"p":"[a-z]+","f":"s"}]}
`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"unknown trait":    {`"sensitive":true`, `"magical":true`},
		"unknown protocol": {`"rest-json"`, `"query"`},
		"unknown pattern":  {`[a-z]+`, `(?=a)[a-z]+`},
		"unknown location": {`"location":"uri"`, `"location":"aether"`},
		"greedy label":     {`/get/{id}`, `/get/{id+}`},
		"literal query":    {`/get/{id}`, `/get/{id}?x`},
		"member trait":     {`"locationName":"id"`, `"locationNames":"id"`},
	} {
		if tab, err := convert([]byte(strings.Replace(smallModel, change[0], change[1], 1)), "x"); err == nil {
			t.Errorf("%s: converted to %+v", name, tab)
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(smallModel)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for name, data := range map[string][]byte{"plain.json": []byte(smallModel), "packed.json.gz": z.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := generate(path, "test 1", dir); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "small.json"))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := contract.Parse(b); err != nil || s.Name != "small" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := generate(filepath.Join(dir, "gone"), "x", dir); err == nil {
		t.Error("a model that is not there was read")
	}
}

// TestAllServices converts every service that the project serves or will, and
// checks that one router can hold them all.
func TestAllServices(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("CRATON_BOTOCORE_DATA")
	if dir == "" {
		t.Skip("set CRATON_BOTOCORE_DATA to the directory botocore/data of the Python package botocore")
	}
	var all []*contract.Service
	for _, name := range []string{"bedrock-runtime", "bedrock", "bedrock-agentcore", "bedrock-agentcore-control", "bedrock-agent", "bedrock-agent-runtime"} {
		found, err := filepath.Glob(filepath.Join(dir, name, "*", "service-2.json.gz"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no model of %s under %s (%v)", name, dir, err)
		}
		data, err := readModel(found[len(found)-1])
		if err != nil {
			t.Fatal(err)
		}
		tab, err := convert(data, "test")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := table.Write(tab)
		if err != nil {
			t.Fatal(err)
		}
		s, err := contract.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d operations, %d shapes, %d bytes", name, len(s.Operations), len(tab.Shapes), len(b))
		all = append(all, s)
	}
	router, err := contract.NewRouter(all...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, op := range s.Operations {
			path := op.URI
			for open := strings.IndexByte(path, '{'); open >= 0; open = strings.IndexByte(path, '{') {
				end := open + strings.IndexByte(path[open:], '}')
				path = path[:open] + "arn%3Aaws%3A" + s.SigningName + "%3Ar%3A123456789012%3Ax%2Fy" + path[end+1:]
			}
			for _, p := range []string{path, strings.ReplaceAll(path, "%2F", "/")} {
				m, err := router.Match(op.Method, p, contract.Hint{SigningName: s.SigningName, Service: s.Name})
				if err != nil || m.Operation != op {
					t.Errorf("%s %s %s is routed to %v (%v)", s.Name, op.Method, p, m.Operation, err)
				}
			}
		}
	}
}
