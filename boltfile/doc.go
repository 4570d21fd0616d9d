// Package boltfile opens bbolt files whose damage must cost what is in them, and never the process.
//
// A file that cannot be understood is moved aside, and a new one is made. Whatever panics in bbolt, also on a page that is mapped into
// memory and not on the disk, is an error within Guard. What is in a file is its owner's business.
package boltfile
