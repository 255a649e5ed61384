package program

// Confine is what the child process does to itself.
var Confine = confine
