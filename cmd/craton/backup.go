package main

type backupCommand struct{}
type restoreCommand struct{}
