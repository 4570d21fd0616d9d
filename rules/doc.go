// Package rules says what a request may not do before anybody looks where it goes: who is blocked, dropped, limited and
// banned.
//
//	Config ▶ New ▶ Rules ▶ On(leg) ▶ Chain ▶ Judge(request) ▶ Verdict
//
// The rules of a leg are asked in the order of the file. A rule whose conditions all hold decides, and none behind it is
// asked; but a rule that limits decides only when its limit is exceeded. What no rule decides passes. Responses are not
// asked about: they belong to requests that were.
//
// A leg without rules has no Chain, and its packets know nothing of all this.
//
// What cannot be looked at in full is refused rather than passed: a condition reads so many bytes of a header and no more,
// and where a header is longer, it holds for a rule that refuses and does not for one that passes.
package rules
