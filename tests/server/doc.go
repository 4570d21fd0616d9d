// Package server starts the servers of others that tests need beside them, on loopback, and has them fail.
//
// It knows nothing of the house, so that tests on every floor may use it.
package server
