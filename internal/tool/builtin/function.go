package builtin

import (
	"math"
	"math/big"
)

// constants are written with more digits than are shown.
var constants = map[string]string{
	"pi":  "3.14159265358979323846264338327950288419716939937510",
	"tau": "6.28318530717958647692528676655900576839433879875021",
	"e":   "2.71828182845904523536028747135266249775724709369996",
}

// function computes a value of its arguments, of which it takes between least and most.
type function struct {
	least, most int
	of          func([]number) (number, error)
}

const many = 1000

// functions are all there are. They are pure.
var functions = map[string]function{
	"sqrt": {1, 1, root}, "abs": {1, 1, on(func(x *big.Rat) *big.Rat { return x.Abs(x) })},
	"floor": {1, 1, on(floor)}, "ceil": {1, 1, on(func(x *big.Rat) *big.Rat { x.Neg(x); y := floor(x); return y.Neg(y) })},
	"trunc": {1, 1, on(func(x *big.Rat) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom())) })},
	"round": {1, 2, round},
	"min":   {1, many, best(-1)}, "max": {1, many, best(1)},
	"sum": {1, many, sum}, "avg": {1, many, average},
	"gcd": {1, many, whole(func(a, b *big.Int) *big.Int { return new(big.Int).GCD(nil, nil, a, b) })},
	"lcm": {1, many, whole(multiple)},
	"mod": {2, 2, func(a []number) (number, error) { return a[0].apply("%", a[1]) }},
	"pow": {2, 2, func(a []number) (number, error) { return a[0].apply("^", a[1]) }},
	"ln":  {1, 1, float(math.Log)}, "log2": {1, 1, float(math.Log2)}, "log10": {1, 1, float(math.Log10)},
	"log": {1, 2, approximate(func(x ...float64) float64 {
		if len(x) == 1 {
			return math.Log10(x[0])
		}
		return math.Log(x[0]) / math.Log(x[1])
	})},
	"exp": {1, 1, float(math.Exp)}, "sin": {1, 1, float(math.Sin)}, "cos": {1, 1, float(math.Cos)}, "tan": {1, 1, float(math.Tan)},
	"asin": {1, 1, float(math.Asin)}, "acos": {1, 1, float(math.Acos)}, "atan": {1, 1, float(math.Atan)},
	"sinh": {1, 1, float(math.Sinh)}, "cosh": {1, 1, float(math.Cosh)}, "tanh": {1, 1, float(math.Tanh)}, "cbrt": {1, 1, float(math.Cbrt)},
}

// on is an exact function of one number, which it may change.
func on(f func(*big.Rat) *big.Rat) func([]number) (number, error) {
	return func(a []number) (number, error) { return a[0].with(a[0], f(new(big.Rat).Set(a[0].Rat))) }
}

// float is a function that float64 computes.
func float(f func(float64) float64) func([]number) (number, error) {
	return approximate(func(x ...float64) float64 { return f(x[0]) })
}

func approximate(f func(...float64) float64) func([]number) (number, error) {
	return func(a []number) (number, error) {
		x := make([]float64, len(a))
		for i, n := range a {
			x[i], _ = n.Float64()
			if math.IsInf(x[i], 0) {
				return number{}, errTooLarge
			}
		}
		y := f(x...)
		switch {
		case math.IsNaN(y):
			return number{}, errUndefined
		case math.IsInf(y, 0):
			return number{}, errTooLarge
		}
		return number{new(big.Rat).SetFloat64(y), floatDigits}, nil
	}
}

// root is exact for squares of rationals.
func root(a []number) (number, error) {
	x := a[0]
	if x.Sign() < 0 {
		return number{}, errUndefined
	}
	p, q := new(big.Int).Sqrt(x.Num()), new(big.Int).Sqrt(x.Denom())
	r := new(big.Rat).SetFrac(p, q)
	if new(big.Rat).Mul(r, r).Cmp(x.Rat) == 0 {
		return x.with(x, r)
	}
	f := new(big.Float).SetPrec(uint(x.Num().BitLen()+x.Denom().BitLen()) + 256).SetRat(x.Rat)
	r, _ = new(big.Float).SetPrec(256).Sqrt(f).Rat(nil)
	return number{r, leastDigits(x.digits, roundedDigits)}, nil
}

// round rounds half away from zero, as people do.
func round(a []number) (number, error) {
	places := 0
	if len(a) == 2 {
		if !a[1].IsInt() || !a[1].Num().IsInt64() || a[1].Num().Int64() > exactDigits || a[1].Num().Int64() < -exactDigits {
			return number{}, errWhole
		}
		places = int(a[1].Num().Int64())
	}
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
	if places < 0 {
		scale.Inv(scale)
	}
	r := new(big.Rat).Mul(new(big.Rat).Abs(a[0].Rat), scale)
	r = floor(r.Add(r, big.NewRat(1, 2)))
	r.Quo(r, scale)
	if a[0].Sign() < 0 {
		r.Neg(r)
	}
	return a[0].with(a[0], r)
}

func best(sign int) func([]number) (number, error) {
	return func(a []number) (number, error) {
		found := a[0]
		for _, n := range a[1:] {
			if n.Cmp(found.Rat) == sign {
				found = n
			}
		}
		return found, nil
	}
}

func sum(a []number) (number, error) {
	total := a[0]
	for _, n := range a[1:] {
		var err error
		if total, err = total.apply("+", n); err != nil {
			return number{}, err
		}
	}
	return total, nil
}

func average(a []number) (number, error) {
	total, err := sum(a)
	if err != nil {
		return number{}, err
	}
	return total.apply("/", number{Rat: big.NewRat(int64(len(a)), 1)})
}

// whole folds a function of whole numbers.
func whole(f func(a, b *big.Int) *big.Int) func([]number) (number, error) {
	return func(a []number) (number, error) {
		total := new(big.Int)
		for i, n := range a {
			if !n.IsInt() {
				return number{}, errWhole
			}
			if total = f(total, n.Num()); i == 0 {
				total = new(big.Int).Abs(n.Num())
			}
			if total.BitLen() > maxBits {
				return number{}, errTooLarge
			}
		}
		return number{Rat: new(big.Rat).SetInt(total)}, nil
	}
}

func multiple(a, b *big.Int) *big.Int {
	if a.Sign() == 0 || b.Sign() == 0 {
		return new(big.Int)
	}
	gcd := new(big.Int).GCD(nil, nil, new(big.Int).Abs(a), new(big.Int).Abs(b))
	product := new(big.Int).Mul(a, b)
	return product.Abs(product.Quo(product, gcd))
}
