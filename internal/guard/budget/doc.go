// Package budget keeps spending within daily and monthly budgets, on every
// path and replica. It is for the gateway, which reserves the worst-case cost
// of a request before it calls an upstream and settles the actual cost
// afterwards.
//
// A [Book] leases slices of each budget from the usage store and reserves from
// them in memory: while a slice lasts, a request makes no store call. A slice
// that runs low is renewed in the background, and what lies idle is given back.
//
// Guarantees:
//   - The slices of all replicas together never pass a budget, because the
//     store grants them in one place. So spending passes a budget only by what
//     a request cost beyond its own reservation: not at all where the worst
//     case was known, and by at most one request's cost for each request then
//     in flight where it was not. The excess is charged to the budget.
//   - A request may be refused although another replica still holds unspent
//     slices: at most the budget's SliceShare for each other replica, until
//     those are given back (Config.IdleReturn). [Book.Exposure] shows them.
//   - A replica that dies keeps its slices, which count as spent: the error is
//     on the safe side and bounded in the same way.
//   - A store that cannot be reached refuses what the slices at hand do not
//     cover: a budget is not a budget if it opens when the lights go out.
//
// Periods are UTC days and months.
//
//	book := budget.New(budget.Config{Store: store, Now: time.Now, NewID: newID})
//	defer book.Close(ctx)
//	…
//	r, err := book.Reserve(ctx, limits, worst)
//	if err != nil {
//		return err // BudgetExceeded
//	}
//	defer func() { r.Settle(actual) }()
package budget
