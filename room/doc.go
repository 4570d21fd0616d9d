// Package room is how actors are spawned here: with a bounded lock-free mailbox that runs to completion on the
// sender's goroutine, and with a supervisor that is chosen and not the library's default, which stops an actor for
// good after ten failures.
//
// It is the only door to protoactor's Props.
package room
