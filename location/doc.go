// Package location knows who is registered where (RFC 3261 §10.3): the bindings of each address of record, with what
// RFC 3327 (Path) and RFC 5626 (outbound) add to them. The protocol is the registrar's; here is its memory.
//
// Lookup is on the way of every packet: it takes no lock and does not allocate. Update changes all bindings of one
// address of record at once, or none. A change is on disk before anybody sees it and before who made it hears that it was
// made; the one who made it does not wait meanwhile. Changes that come while the disk is written go together in the next
// write, so one sync covers many.
//
// Local is the store of one process, behind it a file. Shared is that of a node of a cluster, behind it etcd: each node has
// all bindings in its memory and hears of each change. An update is written only when the entry is still the one that it was
// made of, else it is made again; it is told as made when this node has heard of it, so that who has registered is found.
// While etcd is away lookups go on, and registrations fail, or are accepted for the time being.
//
// A binding that has lapsed is in no answer any more; it is removed a little later. What is kept is bounded: bindings in
// all, bindings of one address of record, bytes of one binding, changes that wait to be written.
package location
