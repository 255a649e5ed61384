// Package sim simulates nodes that fail. It is for whoever changes the driver,
// the fold or a store's contract: several real drivers run in one process, in
// virtual time, over one store, and everything that can go wrong between them
// does so at moments drawn from a seed.
//
// Calls of stores, models and tools are late, fail before or after their
// effect, or never return because the node was killed or stood still; clocks
// differ; clients repeat themselves on other nodes, and fork sessions where they
// rest. Some sessions return what they need instead of waiting. It holds that
//   - after each append the journal is one that could be: see drivertest.Oracle;
//   - at the end nothing that was acknowledged is lost, no effect is doubled,
//     every session has come to its end, chains verify, replaying leads to the
//     same state, readers were told everything once and in order, and what is
//     returned was handed over;
//   - a seed leads to the same history each time.
//
// Example, the seed that a failure prints:
//
//	CRATON_SIM_SEED=4711 go test ./internal/sim -run TestSimulation -v
package sim
