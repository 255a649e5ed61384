package builtin

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/tool"
)

func calculatorTool() entry {
	return entry{
		spec: spec("calculator", "Evaluates an arithmetic expression exactly: + - * / % ^ ! and brackets, decimals of any length, pi, e, and the functions "+
			"sqrt abs floor ceil round(x, digits) trunc min max gcd lcm sum avg ln log(x, base) log2 log10 exp sin cos tan asin acos atan (in radians).",
			`{"type":"object","properties":{"expression":{"type":"string","description":"Such as (2.5 + 1/3) * 12^2. % is the remainder."}},`+
				`"required":["expression"],"additionalProperties":false}`, 5*time.Second),
		run: calculate,
	}
}

func calculate(_ context.Context, call tool.Call) (tool.Result, error) {
	in, err := arguments[struct {
		Expression string `json:"expression"`
	}](call)
	if err != nil {
		return tool.Result{}, err
	}
	v, err := evaluate(in.Expression)
	if err != nil {
		return fail("%s", err), nil
	}
	text, exact := v.decimal()
	out := struct {
		Value    string `json:"value"`
		Exact    bool   `json:"exact"`
		Fraction string `json:"fraction,omitzero"`
	}{text, exact, v.fraction()}
	switch {
	case exact:
		return structured(say("%s", text), out)
	case out.Fraction != "":
		return structured(say("%s (rounded; exactly %s)", text, out.Fraction), out)
	}
	return structured(say("%s (rounded)", text), out)
}
