package builtin

import (
	"math"
	"math/big"
	"strings"
)

// The sizes of numbers. A number's bits bound both numerator and denominator.
const (
	maxBits = 1 << 15
	// roundedDigits are shown of numbers that have no end, floatDigits of what
	// float64 computed.
	roundedDigits = 30
	floatDigits   = 15
	// exactDigits is how long a number is still shown whole.
	exactDigits = 1000
)

// What is wrong with numbers.
const (
	errTooLarge  = complaint("The number is too large.")
	errZero      = complaint("That is a division by zero.")
	errUndefined = complaint("That is not defined for a real number.")
	errWhole     = complaint("That needs whole numbers.")
)

// number is a rational number; digits says how many of its digits are right
// where it stands for another, 0 where it is exact.
type number struct {
	*big.Rat
	digits int
}

// with is the result r of an operation on a and b, as exact as both.
func (a number) with(b number, r *big.Rat) (number, error) {
	if r.Num().BitLen() > maxBits || r.Denom().BitLen() > maxBits {
		return number{}, errTooLarge
	}
	return number{r, leastDigits(a.digits, b.digits)}, nil
}

func leastDigits(a, b int) int {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// apply computes a binary operator.
func (a number) apply(operator string, b number) (number, error) {
	if (operator == "/" || operator == "%") && b.Sign() == 0 {
		return number{}, errZero
	}
	r := new(big.Rat)
	switch operator {
	case "+":
		return a.with(b, r.Add(a.Rat, b.Rat))
	case "-":
		return a.with(b, r.Sub(a.Rat, b.Rat))
	case "*":
		return a.with(b, r.Mul(a.Rat, b.Rat))
	case "/":
		return a.with(b, r.Quo(a.Rat, b.Rat))
	case "%": // with the sign of b, as in mathematics
		q := floor(r.Quo(a.Rat, b.Rat))
		return a.with(b, r.Sub(a.Rat, q.Mul(q, b.Rat)))
	}
	return a.raise(b)
}

// raise computes a power: exactly for whole exponents.
func (a number) raise(b number) (number, error) {
	if !b.IsInt() {
		return approximate(func(x ...float64) float64 { return math.Pow(x[0], x[1]) })([]number{a, b})
	}
	if a.Sign() == 0 && b.Sign() < 0 {
		return number{}, errZero
	}
	bits := max(a.Num().BitLen(), a.Denom().BitLen())
	if bits > 1 && (!b.Num().IsInt64() || new(big.Int).Abs(b.Num()).Cmp(big.NewInt(int64(maxBits/(bits-1)+1))) > 0) {
		return number{}, errTooLarge
	}
	e := new(big.Int).Abs(b.Num())
	if bits <= 1 { // 0, 1 and -1: only whether the exponent is even counts
		e = new(big.Int).And(e, big.NewInt(1))
		if b.Sign() != 0 && e.Sign() == 0 {
			e.SetInt64(2)
		}
	}
	r := new(big.Rat).SetFrac(new(big.Int).Exp(a.Num(), e, nil), new(big.Int).Exp(a.Denom(), e, nil))
	if b.Sign() < 0 {
		r.Inv(r)
	}
	return a.with(b, r)
}

func (a number) factorial() (number, error) {
	if !a.IsInt() || a.Sign() < 0 {
		return number{}, errWhole
	}
	if !a.Num().IsInt64() || a.Num().Int64() > 2000 {
		return number{}, errTooLarge
	}
	return a.with(a, new(big.Rat).SetInt(new(big.Int).MulRange(1, a.Num().Int64())))
}

func floor(r *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Div(r.Num(), r.Denom())) // Div is Euclidean: floor for a positive divisor
}

// decimal writes a number, and whether it is all of it.
func (a number) decimal() (string, bool) {
	if a.digits == 0 {
		if n, ok := a.FloatPrec(); ok && n <= exactDigits {
			return a.FloatString(n), true
		}
	}
	digits := a.digits
	if digits == 0 {
		digits = roundedDigits
	}
	f := new(big.Float).SetPrec(256).SetRat(a.Rat)
	text := f.Text('g', digits)
	if strings.Contains(text, ".") && !strings.Contains(text, "e") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text, false
}

// fraction writes a short exact fraction; empty where there is none.
func (a number) fraction() string {
	if a.digits > 0 || a.IsInt() || a.Num().BitLen() > 128 || a.Denom().BitLen() > 128 {
		return ""
	}
	return a.RatString()
}
