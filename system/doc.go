// Package system puts the house together: the configuration file, the tree of actors, what they share, and how all of
// it starts and stops. Read tree.go first.
package system
