// Package guard holds the architecture and the documents to the code.
//
// Each test is a rule that would otherwise have to be remembered in a review, and says what to do when it is broken. The
// source is parsed, not built: what is for another system counts as well.
package guard
