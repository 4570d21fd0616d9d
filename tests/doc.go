// Package tests looks at the proxy from outside: phones on loopback talk through it, processes are killed, name
// servers die. One scenario a file.
package tests
