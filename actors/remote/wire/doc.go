// Package wire is what the rooms remote of two nodes tell one another. It is made of actorsip_remote.proto by protoc with protoc-gen-go.
package wire
