// Package house holds the rules of this code base as ordinary tests: which
// package may import which and why, one doc comment per package, documented
// exports, and how long a file or a function may grow. It is for everyone who
// changes the code; `make check` runs it, and a failure prints the reason for
// the rule.
//
// To raise a budget, edit the table beside the rule and give the reason in the
// same commit.
package house
