package builtin

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of an expression. Digits bound a literal's exponent as well.
const (
	maxExpression = 2 << 10
	maxDepth      = 100
	maxExponent   = 5000
)

// complaint is an error in words for whoever wrote the expression.
type complaint string

func (c complaint) Error() string { return string(c) }

func complain(format string, args ...any) error { return complaint(fmt.Sprintf(format, args...)) }

// parser evaluates an expression while it reads it.
type parser struct {
	rest  string
	depth int
}

// evaluate computes an expression. Errors are in words for whoever wrote it.
func evaluate(expression string) (number, error) {
	if len(expression) > maxExpression {
		return number{}, complain("The expression is longer than %d characters.", maxExpression)
	}
	p := &parser{rest: symbols.Replace(expression)}
	v, err := p.sum()
	if err != nil {
		return number{}, err
	}
	if p.peek() != "" {
		return number{}, p.unexpected()
	}
	return v, nil
}

// symbols are other ways to write the operators.
var symbols = strings.NewReplacer("**", "^", "×", "*", "·", "*", "÷", "/", "−", "-", "π", "pi")

// peek is the next character that is not white space; empty at the end.
func (p *parser) peek() string {
	p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace)
	if p.rest == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(p.rest)
	return p.rest[:n]
}

// accept consumes the next character if it is one of set, and returns it.
func (p *parser) accept(set string) string {
	c := p.peek()
	if c == "" || !strings.Contains(set, c) {
		return ""
	}
	p.rest = p.rest[len(c):]
	return c
}

func (p *parser) unexpected() error {
	if c := p.peek(); c != "" {
		return complain("%q is not expected in the expression, before %q.", c, head(p.rest))
	}
	return complaint("The expression ends too early.")
}

func head(s string) string {
	if len(s) > 20 {
		return strings.ToValidUTF8(s[:20], "") + "…"
	}
	return s
}

func (p *parser) sum() (number, error) {
	if p.depth++; p.depth > maxDepth {
		return number{}, complaint("The expression is nested too deeply.")
	}
	defer func() { p.depth-- }()
	return p.chain("+-", p.product)
}

func (p *parser) product() (number, error) { return p.chain("*/%", p.signed) }

// chain evaluates operands with operators of one rank between them.
func (p *parser) chain(operators string, operand func() (number, error)) (number, error) {
	v, err := operand()
	for err == nil {
		operator := p.accept(operators)
		if operator == "" {
			return v, nil
		}
		var w number
		if w, err = operand(); err == nil {
			v, err = v.apply(operator, w)
		}
	}
	return number{}, err
}

// signed is a power with signs before it: -2^2 is -4.
func (p *parser) signed() (number, error) {
	negative := false
	for sign := p.accept("+-"); sign != ""; sign = p.accept("+-") {
		negative = negative != (sign == "-")
	}
	v, err := p.power()
	if negative && err == nil {
		v.Rat = new(big.Rat).Neg(v.Rat)
	}
	return v, err
}

func (p *parser) power() (number, error) {
	v, err := p.factorial()
	if err != nil || p.accept("^") == "" {
		return v, err
	}
	if p.depth++; p.depth > maxDepth {
		return number{}, complaint("The expression is nested too deeply.")
	}
	defer func() { p.depth-- }()
	w, err := p.signed() // 2^3^2 is 2^9, 2^-1 is a half
	if err != nil {
		return number{}, err
	}
	return v.apply("^", w)
}

func (p *parser) factorial() (number, error) {
	v, err := p.primary()
	for err == nil && p.accept("!") != "" {
		v, err = v.factorial()
	}
	return v, err
}

func (p *parser) primary() (number, error) {
	switch c := p.peek(); {
	case c == "":
		return number{}, p.unexpected()
	case p.accept("(") != "":
		v, err := p.sum()
		if err == nil && p.accept(")") == "" {
			err = p.unexpected()
		}
		return v, err
	case strings.Contains("0123456789.", c):
		return p.literal()
	case c[0] == '_' || unicode.IsLetter(rune(c[0])):
		return p.named()
	}
	return number{}, p.unexpected()
}

// literal reads a decimal such as 1_000.5e-3.
func (p *parser) literal() (number, error) {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789_")) }
	n := digits(p.rest)
	if n < len(p.rest) && p.rest[n] == '.' {
		n += 1 + digits(p.rest[n+1:])
	}
	mantissa, exponent := strings.ReplaceAll(p.rest[:n], "_", ""), 0
	p.rest = p.rest[n:]
	if tail := strings.TrimLeft(p.rest, "eE"); len(p.rest)-len(tail) == 1 {
		unsigned := strings.TrimPrefix(strings.TrimPrefix(tail, "-"), "+")
		if k := digits(unsigned); k > 0 && len(tail)-len(unsigned) <= 1 {
			k += len(tail) - len(unsigned)
			e, err := strconv.Atoi(tail[:k])
			if err != nil || e > maxExponent || e < -maxExponent {
				return number{}, errTooLarge
			}
			exponent, p.rest = e, tail[k:]
		}
	}
	r, ok := new(big.Rat).SetString(mantissa + "e" + strconv.Itoa(exponent))
	if !ok {
		return number{}, complain("%q is not a number.", mantissa)
	}
	return number{Rat: r}, nil
}

// named reads a constant or a function with its arguments.
func (p *parser) named() (number, error) {
	n := strings.IndexFunc(p.rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if n < 0 {
		n = len(p.rest)
	}
	name := strings.ToLower(p.rest[:n])
	p.rest = p.rest[n:]
	if c, ok := constants[name]; ok {
		r, _ := new(big.Rat).SetString(c)
		return number{Rat: r, digits: roundedDigits}, nil
	}
	f, ok := functions[name]
	if !ok {
		return number{}, complain("There is no function or constant %q.", head(name))
	}
	if p.accept("(") == "" {
		return number{}, complain("%s needs its arguments in brackets.", name)
	}
	var args []number
	for p.accept(")") == "" {
		if len(args) > 0 && p.accept(",;") == "" {
			return number{}, p.unexpected()
		}
		v, err := p.sum()
		if err != nil {
			return number{}, err
		}
		args = append(args, v)
	}
	if len(args) < f.least || len(args) > f.most {
		return number{}, complain("%s does not take %d arguments.", name, len(args))
	}
	return f.of(args)
}
