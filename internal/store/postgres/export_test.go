package postgres

// WithClock is withClock, for tests of the package.
var WithClock = withClock
