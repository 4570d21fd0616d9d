//go:build race

package torture

// raced: the race detector makes each datagram ten times as dear.
const raced = true
