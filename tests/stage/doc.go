// Package stage is what tests on several floors set up around what they look at: keys that are known, names that are
// found.
//
// It knows nothing of the house: nothing above keyring. A thing is for here when a second package needs it.
package stage
