// Package etcd is the door to what the nodes of a cluster share: an etcd.
//
// What is read often is followed: Follow hears all there is below a prefix and then each change, in the order in which they
// were made, and takes up where it was when the connection was lost. Whoever writes says which revision he has seen: Commit
// changes an entry only when it is still that one. Many entries go in one transaction, each by itself. Who holds many by one of
// them writes with Overwrite, as long as that one is still his.
//
// Whether etcd is there is looked after once for all who use it: Away. It is said once when it goes and once when it comes.
package etcd
