//go:build race

package stream

// raced: with the race detector pools lose things on purpose.
const raced = true
