// Package location knows who is registered where (RFC 3261 §10.3): the bindings of each address of record, with what
// RFC 3327 (Path) and RFC 5626 (outbound) add to them. The protocol is the registrar's; here is its memory.
//
// Lookup is on the way of every packet: it takes no lock and does not allocate. Update changes all bindings of one
// address of record at once, or none. A change is on disk before anybody sees it and before who made it hears that it was
// made; the one who made it does not wait meanwhile. Changes that come while the disk is written go together in the next
// write, so one sync covers many.
//
// A binding that has lapsed is in no answer any more; it is removed a little later. What is kept is bounded: bindings in
// all, bindings of one address of record, bytes of one binding, changes that wait for the disk.
package location
