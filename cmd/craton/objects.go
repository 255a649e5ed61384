package main

type objectsCommand struct{}
