//go:build race

package tests

// raced: the race detector makes each packet several times as dear.
const raced = true
