// Package program runs JavaScript that a model wrote, which may call the other
// tools of its session. It is for the driver, through [Runner.Run], and for the
// hidden command that is the child process, through [Main].
//
// A program runs in a process of its own and never in the server's. That
// process has an empty environment and limits on memory, processor time, files
// and what it may say; on Linux it gives up the file system and the network
// (Landlock) and all system calls but those that a computation needs (seccomp)
// before it runs the program. What it wants of the world it asks its parent
// for, one line of JSON at a time.
//
// It guarantees that a program is a function of its text and of what its calls
// come to: it has no clock and no chance, its calls are numbered from 0 as it
// makes them, and it learns their outcomes in that order, whichever comes
// first. So a program that is run again, after a crash, makes the same calls,
// and the n-th can be answered with what the n-th came to before.
//
// Example:
//
//	runner := &program.Runner{Path: "/usr/local/bin/craton", Args: []string{"program"}}
//	result, err := runner.Run(ctx, `return await tools.calculator({expression: "6*7"})`, call)
package program
