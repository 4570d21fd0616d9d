// Package loop is the only package that says go.
//
// A goroutine without an owner is a leak, and a panic in one ends the process. So every goroutine of actorsip is a
// loop: it has a name, somebody who is told how it ended, and a handle to stop it.
package loop
