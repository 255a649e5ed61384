package pattern

import (
	"regexp"
	"strings"
	"testing"
)

// TestEquivalents holds, for each expression that RE2 lacks, values at and
// beyond its bounds.
func TestEquivalents(t *testing.T) {
	t.Parallel()
	x := strings.Repeat
	for _, c := range []struct {
		text      string
		good, bad []string
	}{
		{`^(?!\s*$).+`, []string{"a", " a ", "\ta"}, []string{"", " ", "\t \t", "a\nb"}},
		{`(?![\-_+.])[a-z0-9][a-z0-9\-_\.]*`, []string{"a", "0-_."}, []string{"", "-a", "_a", ".a", "+a", "A", "a+"}},
		{`(?!memoryStrategyId$|actorId$|sessionId$)[a-z][a-z0-9]*`, []string{"a", "actor1"}, []string{"actorId", "sessionId", "memoryStrategyId", "", "1a"}},
		{`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}$`, []string{"s3://abc/k", "s3://a.c/" + x("é", 1024)}, []string{"s3://abc/", "s3://abc/" + x("k", 1025), "s3://ab/k", "s3://abc/a\nb", "s3://abc", "xs3://abc/k"}},
		{`s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}`, []string{"s3://a--c/k/k"}, []string{"s3://abc/" + x("k", 1025)}},
		{`s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/.{1,1024}`, []string{"s3://" + x("a", 63) + "/k"}, []string{"s3://" + x("a", 64) + "/k"}},
		{`arn:[a-z0-9-\.]{1,63}:[a-z0-9-\.]{0,63}:[a-z0-9-\.]{0,63}:[a-z0-9-\.]{0,63}:[^/].{0,1023}`,
			[]string{"arn:aws:s3:::b", "arn:aws:s3:::" + x("b", 1024), "arn:aws:x:r:1:a:b/c"}, []string{"arn:aws:s3:::/b", "arn:aws:s3:::" + x("b", 1025), "arn:aws:s3:::", "arn::s3:::b"}},
		{`[a-zA-Z][a-zA-Z0-9_:/.\-]{0,2047}`, []string{"a", x("a", 2048)}, []string{"", "1", x("a", 2049), "a b"}},
		{`s3://.{1,2043}`, []string{"s3://x", "s3://" + x("x", 2043)}, []string{"s3://", "s3://" + x("x", 2044), "s3://a\n"}},
		{`arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}`,
			[]string{"arn:aws:sagemaker:us-east-1:123456789012:model-package/m"},
			[]string{"arn:aws:sagemaker:us-east-1:123456789012:model-package/", "arn:aws:sagemaker:us-east-1:123456789012:model-package/" + x("m", 2049), "arn:aws:sagemaker:us-east-1:123456789012:model-package/a b"}},
		{`[\u0009\u000A\u000D\u0020-\u007E]+`, []string{"a b\t\r\n~"}, []string{"", "\x00", "\x7f", "é"}},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, []string{"é"}, []string{"Ā"}},
		{`a|b`, []string{"a", "b"}, []string{"ab", "xa", "bx"}},
		{`\\u0041`, []string{`\u0041`}, []string{"A"}},
		{`[a-zA-Z0-9-:.]+`, []string{"a-b:c.d"}, []string{"a/b", "a_b", ""}},
	} {
		p, err := Compile(c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range c.good {
			if !p.Match(s) {
				t.Errorf("%s does not match %.40q", c.text, s)
			}
		}
		for _, s := range c.bad {
			if p.Match(s) {
				t.Errorf("%s matches %.40q", c.text, s)
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`(?=a)b`, `(a)\1`, `a{1,5000}`, `[`, `a\`} {
		if p, err := Compile(text); err == nil {
			t.Errorf("%s compiled to %v", text, p.re)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"^[a-z]+$": "[a-z]+", "[a-z]+": "[a-z]+", "^a$|^b$": "^a$|^b$", `^(?!\s*$).+`: `^(?!\s*$).+`} {
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != want {
			t.Errorf("%s is printed as %s", text, p)
		}
	}
}

// TestAlternatives: tried one by one they accept what the whole accepts.
func TestAlternatives(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]int{`a`: 1, `a|bc`: 2, `(a|b)c`: 1, `[|]|x`: 2, `\||y`: 2, `(?i)a|b`: 1, `[]|]`: 1, `[^]|]`: 1, `a||b`: 3, `(a|(b|c))|[(|]d|e\)`: 3} {
		p, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.re) != want {
			t.Errorf("%s has %d alternatives, want %d", expr, len(p.re), want)
		}
		whole := regexp.MustCompile(`\A(?:` + expr + `)\z`)
		for _, s := range []string{"", "a", "b", "bc", "ac", "|", "x", "y", "A", "B", "]", "(d", "|d", "e)", "c", "aa"} {
			if p.Match(s) != whole.MatchString(s) {
				t.Errorf("%s on %q: %v", expr, s, p.Match(s))
			}
		}
	}
}

func BenchmarkModelID(b *testing.B) {
	p, err := Compile(`(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:imported-model/[a-z0-9]{12})|([a-z0-9-]{1,63}[.]{1}[a-z0-9-]{1,63}([.:]?[a-z0-9-]{1,63}))|(([0-9a-zA-Z][_-]?)+)|([a-zA-Z0-9-:.]+)`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !p.Match("us.anthropic.claude-3-7-sonnet-20250219-v1:0") {
			b.Fatal("no match")
		}
	}
}
